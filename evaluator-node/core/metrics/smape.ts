// Symmetric mean absolute percentage error, from 0 to 200 as on Kaggle: 100 × the mean of 2|p − t| / (|p| + |t|), where
// 0 predicted for 0 is no error.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

export const smape: Metric = {
  name: 'smape',
  title: 'Symmetric mean absolute percentage error',
  lowerIsBetter: true,
  kind: 'number',
  perfect: 0,
  ...meanOfLosses({
    loss: (rows, row) => {
      const truth = rows.truth[row] ?? 0;
      const predicted = rows.prediction[row] ?? 0;
      const size = Math.abs(truth) + Math.abs(predicted);
      return size === 0 ? 0 : (200 * Math.abs(predicted - truth)) / size;
    },
  }),
};
