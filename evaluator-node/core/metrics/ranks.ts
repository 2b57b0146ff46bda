// Average ranks under row weights: what a rank correlation needs of one column.

import { ascendingOrder } from './metric.ts';

/** Average ranks, every row once. */
export function averageRanksOf(values: Float64Array): Float64Array {
  return preparedRanks(values)();
}

/** Gives the average rank of each row among the weighted rows; rows of weight 0 get one too. */
export function preparedRanks(values: Float64Array): (weights?: Float64Array) => Float64Array {
  const order = ascendingOrder(values);
  return (weights) => {
    const ranks = new Float64Array(values.length);
    let before = 0;
    for (let start = 0; start < order.length; ) {
      const value = values[order[start] ?? 0];
      let tied = 0;
      let end = start;
      for (; end < order.length && values[order[end] ?? 0] === value; end += 1) tied += weights?.[order[end] ?? 0] ?? 1;
      for (let index = start; index < end; index += 1) ranks[order[index] ?? 0] = before + (tied + 1) / 2;
      before += tied;
      start = end;
    }
    return ranks;
  };
}

/** Pearson's correlation of two columns; NaN where one is constant. */
export function correlation(left: Float64Array, right: Float64Array, weights?: Float64Array): number {
  let total = 0;
  let leftSum = 0;
  let rightSum = 0;
  for (let row = 0; row < left.length; row += 1) {
    const weight = weights?.[row] ?? 1;
    total += weight;
    leftSum += weight * (left[row] ?? 0);
    rightSum += weight * (right[row] ?? 0);
  }
  const leftMean = leftSum / total;
  const rightMean = rightSum / total;
  let both = 0;
  let leftSquares = 0;
  let rightSquares = 0;
  for (let row = 0; row < left.length; row += 1) {
    const weight = weights?.[row] ?? 1;
    const leftPart = (left[row] ?? 0) - leftMean;
    const rightPart = (right[row] ?? 0) - rightMean;
    both += weight * leftPart * rightPart;
    leftSquares += weight * leftPart * leftPart;
    rightSquares += weight * rightPart * rightPart;
  }
  // Rounding leaves a speck of variance in a constant column whose mean is not exact.
  const noise = 1e-26 * total;
  if (leftSquares <= noise * leftMean ** 2 || rightSquares <= noise * rightMean ** 2) return Number.NaN;
  return Math.max(-1, Math.min(1, both / (Math.sqrt(leftSquares) * Math.sqrt(rightSquares))));
}
