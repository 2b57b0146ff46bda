// Final selection where a grader scores: there are no losses of rows to draw from, only each finalist's score and, where
// the grader can be asked so, its scores over rows that were drawn again. All finalists are scored over the same draws, so
// these are paired.
//
// The reported score takes the luck of the choice off as that of metrics does (choice-luck.ts). Without replicates there is
// neither an interval nor a score without that luck.

import { luckOfChoice } from './choice-luck.ts';
import { spread } from './metrics/bootstrap.ts';
import { type Selection, studentised } from './selection.ts';

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
  const contestants = able.map((index) => samples.get(index) ?? new Float64Array());
  const luck = luckOfChoice(
    able.map((index) => graded[index]?.value ?? Number.NaN),
    contestants,
    [...able.keys()],
    (scores) => bestOf(scores, better),
  );
  const estimate = value - luck.value;
  const reach = studentised * studentQuantile(own.length) * Math.hypot(spread(own), luck.standardError);
  return { ...chosen, estimate, interval: { low: estimate - reach, high: estimate + reach } };
}

/** Student's 97.5 % quantile for a spread of so many replicates (the first term of its expansion, to 1 % from 10 on). */
function studentQuantile(replicates: number): number {
  const normal = 1.959964;
  const freedom = Math.max(1, replicates - 1);
  return normal + (normal ** 3 + normal) / (4 * freedom);
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

/** The place of the best; an earlier one wins ties. Undefined where none has a score. */
function bestOf(scores: readonly number[], better: Better): number | undefined {
  let best: number | undefined;
  scores.forEach((score, index) => {
    if (Number.isNaN(score)) return;
    if (best === undefined || better(score, scores[best] ?? Number.NaN)) best = index;
  });
  return best;
}

function bestShares(samples: Map<number, Float64Array>, able: readonly number[], better: Better): Map<number, number> {
  const draws = samples.get(able[0] ?? 0)?.length ?? 0;
  const wins = new Map<number, number>();
  for (let draw = 0; draw < draws; draw += 1) {
    const place = bestOf(
      able.map((index) => samples.get(index)?.[draw] ?? Number.NaN),
      better,
    );
    const best = place === undefined ? undefined : able[place];
    if (best !== undefined) wins.set(best, (wins.get(best) ?? 0) + 1);
  }
  return new Map([...wins].map(([index, count]) => [index, count / draws]));
}
