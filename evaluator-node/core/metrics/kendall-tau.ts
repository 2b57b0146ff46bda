// Kendall's tau-b, as scipy.stats.kendalltau. A constant column has no value.
// Concordant minus discordant pairs by one pass over the rows in order of the truth, with a Fenwick tree over the
// prediction's dense ranks: n log n.

import { rankLeverage } from './leverage.ts';
import { ascendingOrder, type Metric } from './metric.ts';

interface DenseRanks {
  readonly order: Uint32Array;
  readonly ranks: Int32Array;
  readonly levels: number;
}

function denseRanks(values: Float64Array): DenseRanks {
  const order = ascendingOrder(values);
  const ranks = new Int32Array(values.length);
  let level = -1;
  let last = Number.NaN;
  for (const row of order) {
    const value = values[row] ?? 0;
    if (value !== last) level += 1;
    last = value;
    ranks[row] = level;
  }
  return { order, ranks, levels: level + 1 };
}

function add(tree: Float64Array, index: number, weight: number): void {
  for (let at = index + 1; at < tree.length; at += at & -at) tree[at] = (tree[at] ?? 0) + weight;
}

/** Weight at indexes below `index`. */
function below(tree: Float64Array, index: number): number {
  let sum = 0;
  for (let at = index; at > 0; at -= at & -at) sum += tree[at] ?? 0;
  return sum;
}

/** Weighted pairs within equal ranks. */
function tiedPairs({ ranks, levels }: DenseRanks, weights?: Float64Array): number {
  const totals = new Float64Array(levels);
  ranks.forEach((rank, row) => {
    totals[rank] = (totals[rank] ?? 0) + (weights?.[row] ?? 1);
  });
  return totals.reduce((pairs, total) => pairs + (total * (total - 1)) / 2, 0);
}

/** Concordant minus discordant pairs. */
function balance(truth: DenseRanks, prediction: DenseRanks, weights?: Float64Array): number {
  const tree = new Float64Array(prediction.levels + 1);
  let sum = 0;
  let seen = 0;
  for (let start = 0; start < truth.order.length; ) {
    const rank = truth.ranks[truth.order[start] ?? 0];
    let end = start;
    for (; end < truth.order.length && truth.ranks[truth.order[end] ?? 0] === rank; end += 1) {
      const row = truth.order[end] ?? 0;
      const level = prediction.ranks[row] ?? 0;
      const above = seen - below(tree, level + 1);
      sum += (weights?.[row] ?? 1) * (below(tree, level) - above);
    }
    for (let index = start; index < end; index += 1) {
      const row = truth.order[index] ?? 0;
      const weight = weights?.[row] ?? 1;
      add(tree, prediction.ranks[row] ?? 0, weight);
      seen += weight;
    }
    start = end;
  }
  return sum;
}

export const kendallTau: Metric = {
  name: 'kendall-tau',
  title: 'Kendall tau-b',
  lowerIsBetter: false,
  kind: 'number',
  perfect: 1,
  needsVariation: true,
  leverage: rankLeverage,
  prepare(rows) {
    const truth = denseRanks(rows.truth);
    const prediction = denseRanks(rows.prediction);
    return (weights) => {
      const total = weights === undefined ? rows.count : weights.reduce((sum, weight) => sum + weight, 0);
      const pairs = (total * (total - 1)) / 2;
      const spread = Math.sqrt(pairs - tiedPairs(truth, weights)) * Math.sqrt(pairs - tiedPairs(prediction, weights));
      if (!(spread > 0)) return Number.NaN;
      return Math.max(-1, Math.min(1, balance(truth, prediction, weights) / spread));
    };
  },
};
