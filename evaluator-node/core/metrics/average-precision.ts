// Average precision of a binary problem, as scikit-learn's average_precision_score: the sum over distinct scores, highest
// first, of the gain in recall times the precision there; no interpolation. No positives, no value.

import { ascendingOrder, type Metric } from './metric.ts';

export const averagePrecision: Metric = {
  name: 'average-precision',
  title: 'Average precision',
  lowerIsBetter: false,
  kind: 'probability',
  perfect: 1,
  predictionRange: { low: 0, high: 1 },
  needs: 'a positive among the answers',
  prepare(rows) {
    const order = ascendingOrder(rows.prediction).reverse();
    return (weights) => {
      let positives = 0;
      let seen = 0;
      let area = 0;
      for (let start = 0; start < order.length; ) {
        const value = rows.prediction[order[start] ?? 0];
        let gained = 0;
        let end = start;
        for (; end < order.length && rows.prediction[order[end] ?? 0] === value; end += 1) {
          const row = order[end] ?? 0;
          const weight = weights?.[row] ?? 1;
          seen += weight;
          if (rows.truth[row] === 1) gained += weight;
        }
        positives += gained;
        if (seen > 0) area += gained * (positives / seen);
        start = end;
      }
      return area / positives;
    };
  },
};
