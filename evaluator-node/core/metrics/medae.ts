// Median absolute error, as scikit-learn's median_absolute_error: of an even number of rows the mean of the middle two.

import { ascendingOrder, type Metric, totalWeight } from './metric.ts';

export const medae: Metric = {
  name: 'medae',
  title: 'Median absolute error',
  lowerIsBetter: true,
  kind: 'number',
  perfect: 0,
  prepare(rows) {
    const errors = rows.prediction.map((value, row) => Math.abs(value - (rows.truth[row] ?? 0)));
    const order = ascendingOrder(errors);
    return (weights) => {
      const total = totalWeight(rows.count, weights);
      const at = (place: number): number => {
        let before = 0;
        for (const row of order) {
          before += weights?.[row] ?? 1;
          if (before > place) return errors[row] ?? Number.NaN;
        }
        return Number.NaN;
      };
      return (at(Math.floor((total - 1) / 2)) + at(Math.floor(total / 2))) / 2;
    };
  },
};
