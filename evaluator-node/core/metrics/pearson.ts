// Pearson's correlation of predictions and truth, as scipy.stats.pearsonr. A constant column has no value.

import { leverage } from './leverage.ts';
import type { Metric } from './metric.ts';
import { correlation } from './ranks.ts';

export const pearson: Metric = {
  name: 'pearson',
  title: 'Pearson correlation',
  lowerIsBetter: false,
  kind: 'number',
  perfect: 1,
  needsVariation: true,
  leverage,
  prepare: (rows) => (weights) => correlation(rows.truth, rows.prediction, weights),
};
