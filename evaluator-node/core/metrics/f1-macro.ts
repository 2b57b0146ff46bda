// Mean F1 over the classes that occur in the truth or in the predictions, as scikit-learn's f1_score with
// average='macro' and zero_division=0.

import { confusionOf, hits } from './confusion.ts';
import type { Metric } from './metric.ts';

export const f1Macro: Metric = {
  name: 'f1-macro',
  title: 'Macro F1',
  lowerIsBetter: false,
  kind: 'label',
  perfect: 1,
  prepare: (rows) => (weights) => {
    const confusion = confusionOf(rows, weights);
    let sum = 0;
    let classes = 0;
    for (let index = 0; index < rows.classCount; index += 1) {
      const both = (confusion.trueTotals[index] ?? 0) + (confusion.predictedTotals[index] ?? 0);
      if (both === 0) continue;
      sum += (2 * hits(confusion, index)) / both;
      classes += 1;
    }
    return sum / classes;
  },
};
