// Mean absolute percentage error, as scikit-learn's mean_absolute_percentage_error: a share, 0.1 for 10 %. An answer of 0
// has no percentage and is refused, where scikit-learn would give a number of the order of 10^15.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

export const mape: Metric = {
  name: 'mape',
  title: 'Mean absolute percentage error',
  lowerIsBetter: true,
  kind: 'number',
  perfect: 0,
  truthProblem: (value) => (value === 0 ? 'must not be 0' : undefined),
  ...meanOfLosses({
    loss: (rows, row) => {
      const truth = rows.truth[row] ?? 0;
      return Math.abs((rows.prediction[row] ?? 0) - truth) / Math.abs(truth);
    },
  }),
};
