// Spearman's rank correlation with average ranks for ties, as scipy.stats.spearmanr. A constant column has no value.

import { rankLeverage } from './leverage.ts';
import type { Metric } from './metric.ts';
import { correlation, preparedRanks } from './ranks.ts';

export const spearman: Metric = {
  name: 'spearman',
  title: 'Spearman rank correlation',
  lowerIsBetter: false,
  kind: 'number',
  perfect: 1,
  needsVariation: true,
  leverage: rankLeverage,
  prepare(rows) {
    const truthRanks = preparedRanks(rows.truth);
    const predictionRanks = preparedRanks(rows.prediction);
    return (weights) => correlation(truthRanks(weights), predictionRanks(weights), weights);
  },
};
