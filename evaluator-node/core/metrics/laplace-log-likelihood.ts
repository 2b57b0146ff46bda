// Modified Laplace log-likelihood of OSIC's pulmonary fibrosis task: the columns of a submission are the value, then its
// standard deviation, which counts as at least 70; an error counts as at most 1,000. The answers are one column.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

const leastSpread = 70;
const mostError = 1000;

export const laplaceLogLikelihood: Metric = {
  name: 'laplace-log-likelihood',
  title: 'Modified Laplace log-likelihood',
  lowerIsBetter: false,
  kind: 'numbers',
  perfect: -Math.log(Math.SQRT2 * leastSpread),
  columns: { truth: 1, prediction: 2 },
  predictionOf: ([value = 0]) => [value, leastSpread],
  ...meanOfLosses({
    loss: (rows, row) => {
      const spread = Math.max(rows.prediction[2 * row + 1] ?? 0, leastSpread);
      const error = Math.min(Math.abs((rows.truth[row] ?? 0) - (rows.prediction[2 * row] ?? 0)), mostError);
      return (-Math.SQRT2 * error) / spread - Math.log(Math.SQRT2 * spread);
    },
  }),
};
