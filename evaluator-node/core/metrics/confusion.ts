// The confusion matrix of labels: rows are true classes, columns predicted ones.

import type { Rows } from './metric.ts';

export interface Confusion {
  readonly classCount: number;
  /** Row-major counts. */
  readonly counts: Float64Array;
  readonly trueTotals: Float64Array;
  readonly predictedTotals: Float64Array;
  readonly total: number;
}

/** Counts the pairs of true and predicted class. */
export function confusionOf(rows: Rows, weights?: Float64Array): Confusion {
  const { classCount } = rows;
  const counts = new Float64Array(classCount * classCount);
  const trueTotals = new Float64Array(classCount);
  const predictedTotals = new Float64Array(classCount);
  let total = 0;
  for (let row = 0; row < rows.count; row += 1) {
    const weight = weights?.[row] ?? 1;
    const truth = rows.truth[row] ?? 0;
    const predicted = rows.prediction[row] ?? 0;
    const cell = truth * classCount + predicted;
    counts[cell] = (counts[cell] ?? 0) + weight;
    trueTotals[truth] = (trueTotals[truth] ?? 0) + weight;
    predictedTotals[predicted] = (predictedTotals[predicted] ?? 0) + weight;
    total += weight;
  }
  return { classCount, counts, trueTotals, predictedTotals, total };
}

/** Rows of class `index` that were predicted as such. */
export function hits(confusion: Confusion, index: number): number {
  return confusion.counts[index * confusion.classCount + index] ?? 0;
}
