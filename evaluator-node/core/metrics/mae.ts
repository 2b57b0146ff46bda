// Mean absolute error, as scikit-learn's mean_absolute_error.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

export const mae: Metric = {
  name: 'mae',
  title: 'Mean absolute error',
  lowerIsBetter: true,
  kind: 'number',
  perfect: 0,
  ...meanOfLosses({ loss: (rows, row) => Math.abs((rows.prediction[row] ?? 0) - (rows.truth[row] ?? 0)) }),
};
