// Root mean squared logarithmic error, as the root of scikit-learn's mean_squared_log_error. No negative values.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

export const rmsle: Metric = {
  name: 'rmsle',
  title: 'Root mean squared logarithmic error',
  lowerIsBetter: true,
  kind: 'number',
  perfect: 0,
  predictionRange: { low: 0, high: Number.MAX_VALUE },
  domain: { low: 0, high: Number.MAX_VALUE },
  ...meanOfLosses({
    loss: (rows, row) => (Math.log1p(rows.prediction[row] ?? 0) - Math.log1p(rows.truth[row] ?? 0)) ** 2,
    finish: Math.sqrt,
    slope: (mean) => 0.5 / Math.sqrt(mean),
  }),
};
