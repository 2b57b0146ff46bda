// Matthews correlation coefficient, binary and multi-class, as scikit-learn's matthews_corrcoef: 0 where the truth or
// the predictions are constant.

import { confusionOf, hits } from './confusion.ts';
import { labelLeverage } from './leverage.ts';
import type { Metric } from './metric.ts';

export const mcc: Metric = {
  name: 'mcc',
  title: 'Matthews correlation coefficient',
  lowerIsBetter: false,
  kind: 'label',
  perfect: 1,
  leverage: labelLeverage,
  prepare: (rows) => (weights) => {
    const confusion = confusionOf(rows, weights);
    const square = confusion.total ** 2;
    let correct = 0;
    let product = 0;
    let trueSquares = 0;
    let predictedSquares = 0;
    for (let index = 0; index < rows.classCount; index += 1) {
      const inTruth = confusion.trueTotals[index] ?? 0;
      const predicted = confusion.predictedTotals[index] ?? 0;
      correct += hits(confusion, index);
      product += inTruth * predicted;
      trueSquares += inTruth ** 2;
      predictedSquares += predicted ** 2;
    }
    const spread = (square - trueSquares) * (square - predictedSquares);
    return spread === 0 ? 0 : (correct * confusion.total - product) / Math.sqrt(spread);
  },
};
