// Share of rows with the right label, as scikit-learn's accuracy_score.
//
// A label that no answer has: `doubleblind score` counts it as a wrong one, as scikit-learn does, where it is a label like those
// of the answers (a number among numbers). In a submission of a task it is refused with its line: there the labels are known
// beforehand, and one that is none of them is a mistake of the program rather than a guess.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

export const accuracy: Metric = {
  name: 'accuracy',
  title: 'Accuracy',
  lowerIsBetter: false,
  kind: 'label',
  perfect: 1,
  ...meanOfLosses({ loss: (rows, row) => (rows.truth[row] === rows.prediction[row] ? 1 : 0) }),
};
