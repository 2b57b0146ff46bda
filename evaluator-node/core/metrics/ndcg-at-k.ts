// Normalised discounted cumulative gain of the first k columns by predicted score, as scikit-learn's ndcg_score(k=k):
// the answers are relevances of at least 0, one column an item; tied scores share the mean of their gains; a row without
// relevant items counts 0.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric, Rows } from './metric.ts';

function rowGain(rows: Rows, row: number, k: number): number {
  const { width } = rows;
  const truth = rows.truth.subarray(row * width, (row + 1) * width);
  const scores = rows.prediction.subarray(row * width, (row + 1) * width);
  const discount = (place: number): number => (place < k ? 1 / Math.log2(place + 2) : 0);
  const ideal = truth.slice().sort().reverse();
  const best = ideal.reduce((sum, gain, place) => sum + gain * discount(place), 0);
  if (best === 0) return 0;
  const order = Array.from(scores.keys()).sort((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
  let reached = 0;
  for (let start = 0; start < width; ) {
    const score = scores[order[start] ?? 0];
    let gains = 0;
    let discounts = 0;
    let end = start;
    for (; end < width && scores[order[end] ?? 0] === score; end += 1) {
      gains += truth[order[end] ?? 0] ?? 0;
      discounts += discount(end);
    }
    reached += (gains / (end - start)) * discounts;
    start = end;
  }
  return reached / best;
}

/** The metric `ndcg-at-<k>`. */
export function ndcgAtK(k: number): Metric {
  return {
    name: `ndcg-at-${k}`,
    title: `Normalised discounted cumulative gain at ${k}`,
    lowerIsBetter: false,
    kind: 'numbers',
    perfect: 1,
    truthProblem: (value) => (value >= 0 ? undefined : 'must be at least 0'),
    ...meanOfLosses({ loss: (rows, row) => rowGain(rows, row, k) }),
  };
}
