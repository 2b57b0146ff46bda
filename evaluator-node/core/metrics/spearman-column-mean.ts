// Spearman's rank correlation of each column, averaged. A constant column has no value, so neither has the mean.

import { columnMean } from './column-mean.ts';
import type { Metric } from './metric.ts';
import { spearman } from './spearman.ts';

export const spearmanColumnMean: Metric = {
  name: 'spearman-column-mean',
  title: 'Mean column-wise Spearman rank correlation',
  lowerIsBetter: false,
  kind: 'numbers',
  perfect: 1,
  needsVariation: true,
  needs: 'at least two different values in every column of predictions and answers',
  ...columnMean(spearman),
};
