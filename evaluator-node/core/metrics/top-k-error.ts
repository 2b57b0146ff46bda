// Share of rows whose class is not among the k most probable, as 1 − scikit-learn's top_k_accuracy_score: of equal
// probabilities the later class goes first; one column means the probability of class 1, taken where above 0.5.
// With k or fewer classes every row would be right: that has no value.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric, Rows } from './metric.ts';

function missed(rows: Rows, row: number, k: number): number {
  const truth = rows.truth[row] ?? 0;
  if (rows.width === 1) return (rows.prediction[row] ?? 0) > 0.5 === (truth === 1) ? 0 : 1;
  const start = row * rows.width;
  const own = rows.prediction[start + truth] ?? 0;
  let ahead = 0;
  for (let column = 0; column < rows.width; column += 1) {
    const other = rows.prediction[start + column] ?? 0;
    if (other > own || (other === own && column > truth)) ahead += 1;
  }
  return ahead >= k ? 1 : 0;
}

/** The metric `top-<k>-error`. */
export function topKError(k: number): Metric {
  const losses = meanOfLosses({ loss: (rows, row) => missed(rows, row, k) });
  return {
    name: `top-${k}-error`,
    title: `Top-${k} error`,
    lowerIsBetter: true,
    kind: 'probabilities',
    perfect: 0,
    predictionRange: { low: 0, high: 1 },
    domain: { low: 0, high: 1 },
    needs: `more than ${k} classes`,
    prepare: (rows) => (rows.classCount > k ? losses.prepare(rows) : () => Number.NaN),
    score: (rows) => (rows.classCount > k ? losses.score(rows) : { value: Number.NaN, standardError: Number.NaN }),
  };
}
