// Arms beside the full one, seed by seed. Pure.

import { nextInt, seedRng } from '../../shared/core/rng.ts';
import type { ArmOrPeer, Outcome } from './outcomes.ts';

/** A mean of paired differences with its 95 % bootstrap interval; above zero where the full arm was better. */
export interface Gain {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
  /** Pairs in which the full arm was better. */
  readonly ahead: number;
}

const resamples = 10_000;

/** Bootstrap over pairs by percentiles, seeded. Throws without pairs. */
export function gainOf(differences: readonly number[]): Gain {
  if (differences.length === 0) throw new Error('there are no pairs to compare');
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const rng = seedRng('paired bootstrap');
  const means = Array.from({ length: resamples }, () =>
    mean(differences.map(() => differences[nextInt(rng, differences.length)] ?? 0)),
  ).sort((left, right) => left - right);
  const at = (share: number): number => means[Math.floor(share * (resamples - 1))] ?? Number.NaN;
  const ahead = differences.filter((difference) => difference > 0).length;
  return { mean: mean(differences), low: at(0.025), high: at(0.975), pairs: differences.length, ahead };
}

/** A bootstrap of fewer pairs says nothing. */
const leastPairs = 5;

/** True where the interval excludes that the arms are alike. */
export function isBeyondNoise({ low, high, pairs }: Gain): boolean {
  return pairs >= leastPairs && (low > 0 || high < 0);
}

/** By how much `figure` of the full arm is better than the arm's, for each seed that both have. */
export function differencesOf(
  outcomes: readonly Outcome[],
  arm: ArmOrPeer,
  figure: (full: Outcome, other: Outcome) => readonly [full: number | undefined, other: number | undefined],
): number[] {
  return outcomes.flatMap((other) => {
    if (other.arm !== arm) return [];
    const full = outcomes.find((one) => one.arm === 'full' && one.task === other.task && one.seed === other.seed);
    if (full === undefined) return [];
    const [ours, theirs] = figure(full, other);
    if (ours === undefined || theirs === undefined) return [];
    return [full.lowerIsBetter ? theirs - ours : ours - theirs];
  });
}

/** Test score of the candidate that the search thought best when it had used so many slot-seconds, or so many seconds. */
export function bestSoFar(outcome: Outcome, axis: 'seconds' | 'slotSeconds', most: number): number | undefined {
  const better = (one: number, other: number): boolean => (outcome.lowerIsBetter ? one < other : one > other);
  let best: Outcome['candidates'][number] | undefined;
  for (const candidate of outcome.candidates) {
    if (candidate[axis] <= most && (best === undefined || better(candidate.fitness, best.fitness))) best = candidate;
  }
  return best?.test;
}

/** Both at the slot-seconds that the thriftier of the two used. */
export function atEqualCompute(full: Outcome, other: Outcome): [number | undefined, number | undefined] {
  const most = Math.min(full.slotSeconds, other.slotSeconds);
  return [bestSoFar(full, 'slotSeconds', most), bestSoFar(other, 'slotSeconds', most)];
}

/** How many times a candidate was made from another in the longest line of descent: 0 where all are drafts. */
export function longestDescent({ candidates }: Outcome): number {
  const depths = new Map<number, number>();
  // A parent has its score before its children begin, so it comes first.
  for (const { number, parents } of candidates) {
    depths.set(number, Math.max(0, ...parents.map((parent) => 1 + (depths.get(parent) ?? 0))));
  }
  return Math.max(0, ...depths.values());
}
