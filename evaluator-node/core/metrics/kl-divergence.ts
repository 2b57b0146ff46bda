// Mean Kullback-Leibler divergence of predicted shares from true ones, as scipy.stats.entropy(truth, prediction) a row,
// with predictions clipped to [1e-15, 1 − 1e-15] as on Kaggle, and divided by their sum as scipy does. A submission's shares may miss 1 by a
// little, and whoever scaled them up would otherwise be better than perfect.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric, Rows } from './metric.ts';

const epsilon = 1e-15;
/** As for log-loss: what is shown is clipped, so that no row can spell its shares. */
const shownEpsilon = 1e-3;

function divergence(rows: Rows, row: number): number {
  let [sum, whole] = [0, 0];
  for (let column = 0; column < rows.width; column += 1) whole += clipped(rows, row, column);
  for (let column = 0; column < rows.width; column += 1) {
    const truth = rows.truth[row * rows.width + column] ?? 0;
    if (truth > 0) sum += truth * Math.log((truth * whole) / clipped(rows, row, column));
  }
  return sum;
}

function clipped(rows: Rows, row: number, column: number): number {
  return Math.min(1 - epsilon, Math.max(epsilon, rows.prediction[row * rows.width + column] ?? 0));
}

export const klDivergence: Metric = {
  name: 'kl-divergence',
  title: 'Kullback-Leibler divergence',
  lowerIsBetter: true,
  kind: 'numbers',
  perfect: 0,
  sharesOfOne: true,
  shownWithin: { low: shownEpsilon, high: 1 - shownEpsilon },
  predictionRange: { low: 0, high: 1 },
  domain: { low: 0, high: 1 },
  ...meanOfLosses({ loss: divergence }),
};
