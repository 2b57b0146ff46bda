// F-beta of the positive class of a binary problem, as scikit-learn's fbeta_score with zero_division=0: the harmonic mean
// of precision and recall in which recall counts beta times as much.

import { confusionOf } from './confusion.ts';
import type { Metric } from './metric.ts';

/** The metric of that name; class 1 is the positive one. */
function fBeta(name: string, beta: number): Metric {
  return {
    name,
    title: `F${beta} of the positive class`,
    lowerIsBetter: false,
    kind: 'label',
    binary: true,
    perfect: 1,
    prepare: (rows) => (weights) => {
      const { counts, trueTotals, predictedTotals } = confusionOf(rows, weights);
      const all = beta ** 2 * (trueTotals[1] ?? 0) + (predictedTotals[1] ?? 0);
      return all === 0 ? 0 : ((1 + beta ** 2) * (counts[3] ?? 0)) / all;
    },
  };
}

export const f1Binary: Metric = fBeta('f1-binary', 1);
export const fHalf: Metric = fBeta('f0.5', 0.5);
export const f2: Metric = fBeta('f2', 2);
