// Mean recall over the classes that occur in the truth, as scikit-learn's balanced_accuracy_score.

import { confusionOf, hits } from './confusion.ts';
import type { Metric } from './metric.ts';

export const balancedAccuracy: Metric = {
  name: 'balanced-accuracy',
  title: 'Balanced accuracy',
  lowerIsBetter: false,
  kind: 'label',
  perfect: 1,
  prepare: (rows) => (weights) => {
    const confusion = confusionOf(rows, weights);
    let recalls = 0;
    let classes = 0;
    for (let index = 0; index < rows.classCount; index += 1) {
      const inTruth = confusion.trueTotals[index] ?? 0;
      if (inTruth === 0) continue;
      recalls += hits(confusion, index) / inTruth;
      classes += 1;
    }
    return recalls / classes;
  },
};
