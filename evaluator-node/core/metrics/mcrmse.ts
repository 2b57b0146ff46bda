// Root mean squared error of each column, averaged over the columns: scikit-learn's mean_squared_error with
// squared=False and multioutput='uniform_average'. And the same of logarithms.

import { columnMean } from './column-mean.ts';
import type { Metric } from './metric.ts';
import { rmse } from './rmse.ts';
import { rmsle } from './rmsle.ts';

export const mcrmse: Metric = {
  name: 'mcrmse',
  title: 'Mean column-wise root mean squared error',
  lowerIsBetter: true,
  kind: 'numbers',
  perfect: 0,
  ...columnMean(rmse),
};

export const mcrmsle: Metric = {
  name: 'mcrmsle',
  title: 'Mean column-wise root mean squared logarithmic error',
  lowerIsBetter: true,
  kind: 'numbers',
  perfect: 0,
  predictionRange: { low: 0, high: Number.MAX_VALUE },
  domain: { low: 0, high: Number.MAX_VALUE },
  ...columnMean(rmsle),
};
