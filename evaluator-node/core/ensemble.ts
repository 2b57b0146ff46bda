// Greedy ensemble selection over stored predictions (Caruana et al., 2004): finalists are added, with repetition, while the
// search score gets better. Weights come from the search split alone, so that the validation split can judge the result.
//
// Each member's predictions are turned into votes that may be added up: the values themselves, their ranks, or one vote for
// a label. A blend is a weighted sum of votes, turned back into predictions.

import { ascendingOrder, type Metric, type Rows } from './metrics/metric.ts';

/** How predictions are put together. */
export type BlendRule = 'mean' | 'ranks' | 'plurality';

export const blendRuleNames: Readonly<Record<BlendRule, string>> = {
  mean: 'mean of the predictions',
  ranks: 'mean of the ranks',
  plurality: 'plurality of the labels',
};

/** These look at the order of predictions alone, so members on other scales count the same by rank. */
const rankingMetrics = new Set(['roc-auc', 'average-precision', 'spearman', 'kendall-tau']);
/** The mean of two directions is not the direction between them. */
const unblended = new Set(['angular-error']);

/** The rule that suits the metric; undefined where a blend makes no sense, as of texts. */
export function blendRule(metric: Metric): BlendRule | undefined {
  if (unblended.has(metric.name)) return;
  if (rankingMetrics.has(metric.name)) return 'ranks';
  switch (metric.kind) {
    case 'probabilities':
    case 'probability':
    case 'number':
    case 'numbers':
      return 'mean';
    case 'label':
      return 'plurality';
    default:
      return;
  }
}

/** Votes of one member, `voteWidth` values a row. */
export function votesOf(rule: BlendRule, predictions: Float64Array, classCount: number): Float64Array {
  switch (rule) {
    case 'mean':
      return predictions;
    case 'ranks':
      return midRanks(predictions);
    case 'plurality': {
      const votes = new Float64Array(predictions.length * classCount);
      predictions.forEach((label, row) => {
        votes[row * classCount + label] = 1;
      });
      return votes;
    }
  }
}

/** Ranks in 0 … 1, equal values sharing the middle one. */
function midRanks(values: Float64Array): Float64Array {
  const order = ascendingOrder(values);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end += 1;
    for (let at = start; at < end; at += 1) ranks[order[at] ?? 0] = (start + end) / 2 / values.length;
    start = end;
  }
  return ranks;
}

/** A member's part of a blend. */
export interface BlendMember {
  readonly votes: Float64Array;
  readonly weight: number;
}

/** The weighted sum of votes as predictions. The first member decides ties between labels. */
export function blend(rule: BlendRule, members: readonly BlendMember[], classCount: number): Float64Array {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const sum = new Float64Array(members[0]?.votes.length ?? 0);
  for (const [index, { votes, weight }] of members.entries()) {
    const share = weight / total + (rule === 'plurality' && index === 0 ? 1e-9 : 0);
    for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] ?? 0) + share * (votes[at] ?? 0);
  }
  return rule === 'plurality' ? largest(sum, classCount) : sum;
}

function largest(votes: Float64Array, classCount: number): Float64Array {
  const labels = new Float64Array(votes.length / classCount);
  for (let row = 0; row < labels.length; row += 1) {
    let best = 0;
    for (let label = 1; label < classCount; label += 1) {
      if ((votes[row * classCount + label] ?? 0) > (votes[row * classCount + best] ?? 0)) best = label;
    }
    labels[row] = best;
  }
  return labels;
}

/** Most members, counting repetitions: weights in steps of a few per cent. */
const mostAdditions = 20;
/** Scored values of one selection, a few seconds of work; larger data gets fewer additions. */
const workBudget = 6e7;

/**
 * How often each member is in the ensemble, by adding the one that helps the search score most until nothing helps;
 * the first is the best alone. Members are in order of their search scores, `search` has the search split's truth.
 */
export function growEnsemble(
  metric: Metric,
  rule: BlendRule,
  search: Omit<Rows, 'prediction'>,
  votes: readonly Float64Array[],
): number[] {
  const counts = votes.map(() => 0);
  const work = Math.max(1, votes.length * (votes[0]?.length ?? 1));
  const additions = Math.min(mostAdditions, Math.floor(workBudget / work));
  let best = Number.NaN;
  for (let size = 0; size < additions; size += 1) {
    let chosen: number | undefined;
    for (const index of votes.keys()) {
      const trial = counts.map((count, each) => count + (each === index ? 1 : 0));
      const value = metric.prepare({ ...search, prediction: blendCounts(rule, votes, trial, search.classCount) })();
      const better = metric.lowerIsBetter ? value < best : value > best;
      if (Number.isNaN(value) || !(better || Number.isNaN(best))) continue;
      best = value;
      chosen = index;
    }
    if (chosen === undefined) break;
    counts[chosen] = (counts[chosen] ?? 0) + 1;
  }
  return counts;
}

/** The blend of members that are in it as often as `counts` says, the most frequent first. */
export function blendCounts(
  rule: BlendRule,
  votes: readonly Float64Array[],
  counts: readonly number[],
  classCount: number,
): Float64Array {
  const members = votes
    .map((each, index) => ({ votes: each, weight: counts[index] ?? 0 }))
    .filter(({ weight }) => weight > 0)
    .sort((left, right) => right.weight - left.weight);
  return blend(rule, members, classCount);
}
