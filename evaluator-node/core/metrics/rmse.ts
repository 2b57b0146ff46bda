// Root mean squared error, as scikit-learn's mean_squared_error with squared=False.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

export const rmse: Metric = {
  name: 'rmse',
  title: 'Root mean squared error',
  lowerIsBetter: true,
  kind: 'number',
  perfect: 0,
  ...meanOfLosses({
    loss: (rows, row) => ((rows.prediction[row] ?? 0) - (rows.truth[row] ?? 0)) ** 2,
    finish: Math.sqrt,
    slope: (mean) => 0.5 / Math.sqrt(mean),
  }),
};
