// Share of rows with the right label, as scikit-learn's accuracy_score.

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
