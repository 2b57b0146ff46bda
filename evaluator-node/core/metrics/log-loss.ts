// Logarithmic loss, binary and multi-class, as scikit-learn's log_loss with eps=1e-15 (its default before 1.3, and
// Kaggle's): probabilities are clipped to [1e-15, 1 − 1e-15], then each row is divided by its sum.
// The truth is a class index of the whole task, not of the rows at hand, so rows that lack a class (the trap in which a
// subset of labels silently gives 0) are scored like all others.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric, Rows } from './metric.ts';

const epsilon = 1e-15;
/** Being surer than this is worth under 0.001 where right; where wrong it would make one row cost as much as 50. */
const shownEpsilon = 1e-3;

const clip = (value: number): number => Math.min(1 - epsilon, Math.max(epsilon, value));

function rowLoss(rows: Rows, row: number): number {
  const truth = rows.truth[row] ?? 0;
  if (rows.width === 1) {
    const positive = clip(rows.prediction[row] ?? 0);
    const negative = 1 - positive;
    return -Math.log(truth === 1 ? positive : negative);
  }
  const start = row * rows.width;
  let sum = 0;
  for (let column = 0; column < rows.width; column += 1) sum += clip(rows.prediction[start + column] ?? 0);
  return -Math.log(clip(rows.prediction[start + truth] ?? 0) / sum);
}

export const logLoss: Metric = {
  name: 'log-loss',
  title: 'Logarithmic loss',
  lowerIsBetter: true,
  kind: 'probabilities',
  perfect: 0,
  shownWithin: { low: shownEpsilon, high: 1 - shownEpsilon },
  predictionRange: { low: 0, high: 1 },
  domain: { low: 0, high: 1 },
  ...meanOfLosses({ loss: rowLoss }),
};
