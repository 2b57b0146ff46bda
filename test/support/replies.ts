// What an attacker who knows the evaluator's program foresees of its replies: everything but the vault's secret.

import { type Blur, type FeedbackMode, feedbackText } from '../../evaluator-node/core/feedback.ts';
import type { Metric } from '../../evaluator-node/core/metrics/metric.ts';
import type { Score } from '../../evaluator-node/core/metrics/score.ts';

/** Texts with how probable each is. */
export type Replies = ReadonlyMap<string, number>;

/** The standard normal quantile, by bisection of the logistic approximation's neighbourhood. */
function normalQuantile(share: number): number {
  let [low, high] = [-8, 8];
  for (let halving = 0; halving < 40; halving += 1) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The share of a standard normal below z (Abramowitz and Stegun 26.2.17, to 1e-7). */
function normalShare(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return z > 0 ? 1 - density * tail : density * tail;
}

/** Draws of the secret that stand for all of them. */
function drawsOf(noises: number, chances: number): Omit<Blur, 'labelWorth'>[] {
  return Array.from({ length: noises * chances }, (_, index) => ({
    noise: normalQuantile((Math.floor(index / chances) + 0.5) / noises),
    chance: ((index % chances) + 0.5) / chances,
  }));
}

/** How many draws of the secret stand for all of them. */
const drawsBy = { fine: drawsOf(32, 4), coarse: drawsOf(12, 2) };

/** Every text that may be shown of a score, as the secret may be. */
export function repliesTo(
  metric: Metric,
  score: Score,
  mode: FeedbackMode,
  labelWorth: number,
  precision: 'coarse' | 'fine' = 'fine',
): Replies {
  const replies = new Map<string, number>();
  // The standard error of exact feedback stands in the order of a sum, which an attacker does not know.
  if (mode === 'exact')
    return replies.set(readable(feedbackText(metric, score, mode, { noise: 0, chance: 0, labelWorth })), 1);
  const draws = drawsBy[precision];
  for (const draw of draws) {
    const text = feedbackText(metric, score, mode, { ...draw, labelWorth });
    replies.set(text, (replies.get(text) ?? 0) + 1 / draws.length);
  }
  return replies;
}

/** An exact score without its error and the last digits, in which the order of a sum shows. */
export function readable(text: string): string {
  return Number(text.split(' ')[0]).toPrecision(9);
}

function entropy(shares: Iterable<number>): number {
  let bits = 0;
  for (const share of shares) if (share > 0) bits -= share * Math.log2(share);
  return bits;
}

/** Bits that a reply tells of which case is so, where each has its probability and its replies. */
export function informationOf(cases: readonly { readonly weight: number; readonly replies: Replies }[]): number {
  const all = new Map<string, number>();
  let within = 0;
  for (const { weight, replies } of cases) {
    within += weight * entropy(replies.values());
    for (const [text, share] of replies) all.set(text, (all.get(text) ?? 0) + weight * share);
  }
  return entropy(all.values()) - within;
}
