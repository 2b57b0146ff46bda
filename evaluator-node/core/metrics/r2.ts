// Coefficient of determination, as scikit-learn's r2_score with force_finite: a constant truth gives 1 when it is met
// exactly and 0 otherwise; fewer than two rows have no value.

import { type Metric, type Rows, totalWeight } from './metric.ts';

function value(rows: Rows, weights?: Float64Array): number {
  const total = totalWeight(rows.count, weights);
  if (total < 2) return Number.NaN;
  let sum = 0;
  for (let row = 0; row < rows.count; row += 1) sum += (weights?.[row] ?? 1) * (rows.truth[row] ?? 0);
  const mean = sum / total;
  let residual = 0;
  let variation = 0;
  for (let row = 0; row < rows.count; row += 1) {
    const weight = weights?.[row] ?? 1;
    const truth = rows.truth[row] ?? 0;
    residual += weight * (truth - (rows.prediction[row] ?? 0)) ** 2;
    variation += weight * (truth - mean) ** 2;
  }
  // Rounding leaves a speck of variation in a constant truth whose mean is not exact.
  if (variation <= 1e-26 * total * mean ** 2) return residual === 0 ? 1 : 0;
  return 1 - residual / variation;
}

export const r2: Metric = {
  name: 'r2',
  title: 'Coefficient of determination (R²)',
  lowerIsBetter: false,
  kind: 'number',
  perfect: 1,
  prepare: (rows) => (weights) => value(rows, weights),
};
