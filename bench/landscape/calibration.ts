// What recorded runs say of an attempt, in units that a simulated landscape can use. Pure.
//
// Scores are signed so that more is better, and divided by the standard deviation of the drafts of their run: so the gain of
// a child over its (better) parent is a multiple of how much drafts differ.

import { type Spread, spreadOf } from '../statistics.ts';

export interface RecordedAttempt {
  readonly id: string;
  readonly operator: string;
  readonly parents: readonly string[];
  readonly failed: boolean;
  readonly seconds: number;
  readonly score?: number;
  readonly standardError?: number;
}

export interface RecordedRun {
  readonly task: string;
  readonly lowerIsBetter: boolean;
  readonly attempts: readonly RecordedAttempt[];
}

export interface Calibration {
  readonly runs: readonly { readonly task: string; readonly scored: number; readonly failed: number }[];
  /** Share of attempts that came to nothing. */
  readonly failureShare: number;
  /** Standard deviation of the logarithm of an attempt's seconds, and the median of the recorded ones. */
  readonly durationSigma: number;
  readonly durationSeconds: Spread;
  /** Standard error of a search score, in standard deviations of drafts. */
  readonly noise: number;
  /** Child less parent by operator, in standard deviations of drafts, ascending. */
  readonly gains: { readonly mutate: readonly number[]; readonly crossover: readonly number[] };
}

/** Fewer say nothing about a distribution. */
const leastMutations = 8;

/** Throws where there is too little to go by. */
export function calibrate(runs: readonly RecordedRun[]): Calibration {
  const gains = { mutate: [] as number[], crossover: [] as number[] };
  const noises: number[] = [];
  for (const run of runs) addRun(run, gains, noises);
  const attempts = runs.flatMap((run) => run.attempts);
  const seconds = attempts.filter(({ seconds: took }) => took > 0).map(({ seconds: took }) => took);
  if (gains.mutate.length < leastMutations || noises.length === 0) {
    throw new Error(`${gains.mutate.length} mutations are recorded; ${leastMutations} are needed`);
  }
  const ascending = (values: number[]): number[] => values.map((value) => rounded(value)).sort((a, b) => a - b);
  return {
    runs: runs.map(({ task, attempts: own }) => ({
      task,
      scored: own.filter(({ score }) => score !== undefined).length,
      failed: own.filter(({ failed }) => failed).length,
    })),
    failureShare: rounded(attempts.filter(({ failed }) => failed).length / attempts.length),
    durationSigma: rounded(deviationOf(seconds.map(Math.log))),
    durationSeconds: spreadOf(seconds),
    noise: rounded(spreadOf(noises).median),
    gains: { mutate: ascending(gains.mutate), crossover: ascending(gains.crossover) },
  };
}

function addRun(run: RecordedRun, gains: Record<'mutate' | 'crossover', number[]>, noises: number[]): void {
  const sign = run.lowerIsBetter ? -1 : 1;
  const scoreOf = new Map(run.attempts.flatMap(({ id, score }) => (score === undefined ? [] : [[id, sign * score]])));
  const drafts = run.attempts.filter(({ operator }) => operator === 'draft').flatMap(({ id }) => scoreOf.get(id) ?? []);
  const unit = deviationOf(drafts);
  if (!(unit > 0)) return;
  for (const { id, operator, parents, standardError } of run.attempts) {
    const score = scoreOf.get(id);
    if (score === undefined) continue;
    if (standardError !== undefined) noises.push(standardError / unit);
    const known = parents.flatMap((parent) => scoreOf.get(parent) ?? []);
    if (known.length === 0 || (operator !== 'mutate' && operator !== 'crossover')) continue;
    gains[operator].push((score - Math.max(...known)) / unit);
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Standard deviation; not a number where there are fewer than two values. */
function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
