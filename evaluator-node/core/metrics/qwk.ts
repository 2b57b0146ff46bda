// Cohen's kappa with quadratic weights, as scikit-learn's cohen_kappa_score(weights='quadratic'): the distance of two
// classes is that of their positions among the classes that occur in the truth or in the predictions.

import { confusionOf } from './confusion.ts';
import type { Metric, Rows } from './metric.ts';

/** The position of each class among those that occur, or −1. */
function positionsOf(rows: Rows): Int32Array {
  const confusion = confusionOf(rows);
  const positions = new Int32Array(rows.classCount).fill(-1);
  let next = 0;
  for (let index = 0; index < rows.classCount; index += 1) {
    if ((confusion.trueTotals[index] ?? 0) + (confusion.predictedTotals[index] ?? 0) > 0) positions[index] = next++;
  }
  return positions;
}

export const qwk: Metric = {
  name: 'qwk',
  title: 'Quadratic weighted kappa',
  lowerIsBetter: false,
  kind: 'label',
  perfect: 1,
  ordinal: true,
  prepare(rows) {
    const positions = positionsOf(rows);
    return (weights) => {
      const confusion = confusionOf(rows, weights);
      let observed = 0;
      let expected = 0;
      for (let truth = 0; truth < rows.classCount; truth += 1) {
        for (let predicted = 0; predicted < rows.classCount; predicted += 1) {
          const distance = ((positions[truth] ?? 0) - (positions[predicted] ?? 0)) ** 2;
          const chance = (confusion.trueTotals[truth] ?? 0) * (confusion.predictedTotals[predicted] ?? 0);
          observed += distance * (confusion.counts[truth * rows.classCount + predicted] ?? 0);
          expected += (distance * chance) / confusion.total;
        }
      }
      return expected === 0 ? Number.NaN : 1 - observed / expected;
    };
  },
};
