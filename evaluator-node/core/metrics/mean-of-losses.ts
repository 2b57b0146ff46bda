// Metrics that are a function of the mean of one loss a row, or the ratio of two sums over rows: their value, weighted
// value and analytic standard error.

import type { Metric, Rows } from './metric.ts';

export interface LossShape {
  /** The loss of one row. */
  loss(rows: Rows, row: number): number;
  /** From the mean loss to the metric; the identity where absent. */
  finish?(mean: number): number;
  /** Derivative of `finish`, for the standard error by the delta method. */
  slope?(mean: number): number;
}

/** The `prepare` and `score` of such a metric. */
export function meanOfLosses(shape: LossShape): Required<Pick<Metric, 'prepare' | 'score'>> {
  const finish = shape.finish ?? ((mean: number) => mean);
  const slope = shape.slope ?? (() => 1);
  return {
    prepare(rows) {
      const losses = lossesOf(shape, rows);
      return (weights) => finish(weightedMean(losses, weights));
    },
    score(rows) {
      const { mean, squares } = momentsOf(shape, rows);
      const ofMean = rows.count < 2 ? 0 : Math.sqrt(squares / (rows.count - 1) / rows.count);
      return { value: finish(mean), standardError: ofMean === 0 ? 0 : Math.abs(slope(mean)) * ofMean };
    },
  };
}

/** Mean of the losses and their squared distances from it (Welford 1962), without an array of them. */
function momentsOf(shape: LossShape, rows: Rows): { readonly mean: number; readonly squares: number } {
  let sum = 0;
  let running = 0;
  let squares = 0;
  for (let row = 0; row < rows.count; row += 1) {
    const loss = shape.loss(rows, row);
    sum += loss;
    const gap = loss - running;
    running += gap / (row + 1);
    squares += gap * (loss - running);
  }
  return { mean: sum / rows.count, squares };
}

function lossesOf(shape: LossShape, rows: Rows): Float64Array {
  const losses = new Float64Array(rows.count);
  for (let row = 0; row < rows.count; row += 1) losses[row] = shape.loss(rows, row);
  return losses;
}

function weightedMean(losses: Float64Array, weights?: Float64Array): number {
  let sum = 0;
  if (weights === undefined) {
    for (const loss of losses) sum += loss;
    return sum / losses.length;
  }
  let total = 0;
  for (let row = 0; row < losses.length; row += 1) {
    const weight = weights[row] ?? 0;
    total += weight;
    sum += weight * (losses[row] ?? 0);
  }
  return sum / total;
}

export interface RatioShape {
  /** What one row adds to the sum above the line. */
  above(rows: Rows, row: number): number;
  /** What it adds to the sum below it; a sum of 0 has no value. */
  below(rows: Rows, row: number): number;
}

/** The same of a ratio of sums; the standard error is that of a ratio estimator, by the delta method. */
export function ratioOfSums(shape: RatioShape): Required<Pick<Metric, 'prepare' | 'score'>> {
  const valuesOf = (rows: Rows) => ({
    above: lossesOf({ loss: shape.above }, rows),
    below: lossesOf({ loss: shape.below }, rows),
  });
  return {
    prepare(rows) {
      const { above, below } = valuesOf(rows);
      return (weights) => weightedMean(above, weights) / weightedMean(below, weights);
    },
    score(rows) {
      const { above, below } = valuesOf(rows);
      const mean = weightedMean(below);
      const value = weightedMean(above) / mean;
      if (above.length < 2) return { value, standardError: 0 };
      let squares = 0;
      for (let row = 0; row < above.length; row += 1) squares += ((above[row] ?? 0) - value * (below[row] ?? 0)) ** 2;
      return { value, standardError: Math.sqrt(squares / (above.length - 1) / above.length) / mean };
    },
  };
}
