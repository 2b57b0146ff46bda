// Final selection where a grader scores: there are no losses of rows to draw from, only each finalist's score and, where
// the grader can be asked so, its scores over rows that were drawn again. All finalists are scored over the same draws, so
// these are paired.
//
// The reported score takes the luck of the choice off by the bootstrap: in each draw the best finalist is chosen anew, and how
// much better it looks there than it is on all rows, beyond what the winner's own score does, is the luck. This is weaker
// than the cross-fit of metrics (cross-fit.ts), which asks for scores on parts of the rows; of ten equal
// finalists it leaves 0.48 standard errors of 1.57 (graded-selection.test.ts). Without replicates there is neither an interval nor a score without that luck.

import { quantile, spread } from './metrics/bootstrap.ts';
import type { Selection } from './selection.ts';

/** A finalist with what the grader said of it. */
export interface Graded {
  readonly candidateId: string;
  /** False where its search score is quarantined: it is reported and never wins. */
  readonly eligible: boolean;
  /** NaN where it has none. */
  readonly value: number;
  /** Null where a draw has no score. */
  readonly replicates?: readonly (number | null)[];
}

/** Chooses among the finalists, given in order of their search score, which also breaks ties. */
export function selectGraded(lowerIsBetter: boolean, graded: readonly Graded[]): Selection {
  const better = (left: number, right: number): boolean => (lowerIsBetter ? left < right : left > right);
  const order = [...graded.keys()].sort((left, right) => {
    const [a, b] = [graded[left]?.value ?? Number.NaN, graded[right]?.value ?? Number.NaN];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || left - right;
    return better(a, b) ? -1 : better(b, a) ? 1 : left - right;
  });
  const able = order.filter((index) => graded[index]?.eligible === true && Number.isFinite(graded[index].value));
  const samples = pairedSamples(graded, able);
  const shares = samples === undefined ? undefined : bestShares(samples, able, better);
  const ranked = order.map((index) => ({
    candidateId: graded[index]?.candidateId ?? '',
    validationScore: graded[index]?.value ?? Number.NaN,
    validationStandardError: spread(sampleOf(graded[index])),
    probabilityBest: shares?.get(index) ?? 0,
  }));
  const [winner] = able;
  if (winner === undefined) return { ranked };
  const chosen = { ranked, winnerId: graded[winner]?.candidateId ?? '' };
  const own = samples?.get(winner);
  if (samples === undefined || own === undefined) return chosen;
  const value = graded[winner]?.value ?? Number.NaN;
  const shift = -luck(samples, graded, able, better);
  const end = (share: number): number => quantile(own, share) + shift;
  return { ...chosen, estimate: value + shift, interval: { low: end(0.025), high: end(0.975) } };
}

function sampleOf(graded: Graded | undefined): Float64Array {
  return Float64Array.from(graded?.replicates ?? [], (score) => score ?? Number.NaN);
}

/** The replicates of those that may win; undefined where they are not all there, so that nothing can be paired. */
function pairedSamples(graded: readonly Graded[], able: readonly number[]): Map<number, Float64Array> | undefined {
  const samples = new Map(able.map((index) => [index, sampleOf(graded[index])]));
  const lengths = new Set([...samples.values()].map((sample) => sample.length));
  return lengths.size === 1 && !lengths.has(0) ? samples : undefined;
}

type Better = (left: number, right: number) => boolean;

/** The best in each draw; an earlier one wins ties. Undefined where no finalist has a score there. */
function bestIn(samples: Map<number, Float64Array>, able: readonly number[], better: Better, draw: number) {
  let best: { readonly index: number; readonly score: number } | undefined;
  for (const index of able) {
    const score = samples.get(index)?.[draw] ?? Number.NaN;
    if (!Number.isNaN(score) && (best === undefined || better(score, best.score))) best = { index, score };
  }
  return best;
}

function bestShares(samples: Map<number, Float64Array>, able: readonly number[], better: Better): Map<number, number> {
  const draws = samples.get(able[0] ?? 0)?.length ?? 0;
  const wins = new Map<number, number>();
  for (let draw = 0; draw < draws; draw += 1) {
    const best = bestIn(samples, able, better, draw);
    if (best !== undefined) wins.set(best.index, (wins.get(best.index) ?? 0) + 1);
  }
  return new Map([...wins].map(([index, count]) => [index, count / draws]));
}

/** How much better the best of a draw looks there than it is, beyond the winner's own score; 0 where nothing was chosen. */
function luck(
  samples: Map<number, Float64Array>,
  graded: readonly Graded[],
  able: readonly number[],
  better: Better,
): number {
  const [winner = 0] = able;
  if (able.length < 2) return 0;
  const draws = samples.get(winner)?.length ?? 0;
  const gains: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    const best = bestIn(samples, able, better, draw);
    const own = (samples.get(winner)?.[draw] ?? Number.NaN) - (graded[winner]?.value ?? 0);
    if (best === undefined || Number.isNaN(own)) continue;
    gains.push(best.score - (graded[best.index]?.value ?? 0) - own);
  }
  return gains.length === 0 ? 0 : gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
}
