// Correlation of two columns, and the ranks that make it one of ranks.

/** Pearson's; NaN where a column is constant. */
export function correlation(left: Float64Array, right: Float64Array): number {
  const [leftMean, rightMean] = [meanOf(left), meanOf(right)];
  let both = 0;
  let leftSquares = 0;
  let rightSquares = 0;
  left.forEach((value, row) => {
    const other = (right[row] ?? 0) - rightMean;
    both += (value - leftMean) * other;
    leftSquares += (value - leftMean) ** 2;
    rightSquares += other ** 2;
  });
  return both / Math.sqrt(leftSquares * rightSquares);
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Ranks from 1, equal values sharing theirs. */
export function averageRanks(values: Float64Array): Float64Array {
  const order = Array.from(values, (_, row) => row).sort((left, right) => (values[left] ?? 0) - (values[right] ?? 0));
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end += 1;
    for (let index = start; index < end; index += 1) ranks[order[index] ?? 0] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}
