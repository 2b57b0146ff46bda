// What a run has used and what that bought: by operator, by model and by attempt.
//
// The score gained of an attempt is by how much it bettered the run's best search score when it was scored; the first one is
// measured against the task's trivial baseline where that is known, which it is once the run is sealed. A gain is positive
// for scores that should fall as well. Gains add up to the way from the baseline to the best.

import type { Usage } from '../../shared/core/vocabulary.ts';
import { beats, byEnd } from './history.ts';
import type { Candidate, Run } from './model.ts';

/** What the gateway has charged one attempt for one model. */
export interface Spend {
  readonly attemptId: string;
  readonly model: string;
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
}

export interface CostRow {
  readonly name: string;
  readonly attempts: number;
  readonly wallSeconds: number;
  readonly slotSeconds: number;
  /** Hours of slots that are GPUs. */
  readonly gpuHours: number;
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
  /** Null where nothing was scored. */
  readonly scoreGained: number | null;
}

/** Gain by candidate; candidates without a score have none. */
export function scoreGains(run: Run, candidates: readonly Candidate[]): Map<string, number> {
  const lowerIsBetter = run.taskInfo?.lowerIsBetter ?? false;
  const gains = new Map<string, number>();
  const baseline = run.verdict?.baselineSearchScore ?? Number.NaN;
  let best = Number.isNaN(baseline) ? undefined : baseline;
  for (const { candidateId, searchScore } of byEnd(run, candidates)) {
    const better = best === undefined || beats(searchScore, best, lowerIsBetter);
    gains.set(candidateId, better && best !== undefined ? Math.abs(searchScore - best) : 0);
    if (better) best = searchScore;
  }
  return gains;
}

/** One row for some candidates together. */
export function costOf(name: string, candidates: readonly Candidate[], gains: ReadonlyMap<string, number>): CostRow {
  const total = (key: keyof Usage): number => candidates.reduce((so, candidate) => so + candidate.usage[key], 0);
  return {
    name,
    attempts: candidates.length,
    wallSeconds: total('wallSeconds'),
    slotSeconds: total('slotSeconds'),
    gpuHours: gpuSeconds(candidates) / 3600,
    turns: total('turns'),
    inputTokens: total('inputTokens'),
    outputTokens: total('outputTokens'),
    dollars: total('dollars'),
    scoreGained: gained(candidates, gains),
  };
}

/** A slot is a GPU or MIG instance by its UUID, or a numbered share of the processors. */
function gpuSeconds(candidates: readonly Candidate[]): number {
  const onGpus = candidates.filter(({ slotId }) => slotId !== '' && !slotId.startsWith('cpu-'));
  return onGpus.reduce((sum, { usage }) => sum + usage.slotSeconds, 0);
}

function gained(candidates: readonly Candidate[], gains: ReadonlyMap<string, number>): number | null {
  const known = candidates.flatMap(({ candidateId }) => gains.get(candidateId) ?? []);
  return known.length === 0 ? null : known.reduce((sum, gain) => sum + gain, 0);
}

/** By model, as the gateway has charged it; an attempt's time and gain go to the model that wrote most of it. */
export function costByModel(
  spend: readonly Spend[],
  candidates: readonly Candidate[],
  gains: ReadonlyMap<string, number>,
): CostRow[] {
  const main = new Map<string, Spend>();
  for (const row of spend) {
    if (row.outputTokens >= (main.get(row.attemptId)?.outputTokens ?? 0)) main.set(row.attemptId, row);
  }
  return [...new Set(spend.map((row) => row.model))].map((model) => {
    const own = candidates.filter(({ candidateId }) => main.get(candidateId)?.model === model);
    const rows = spend.filter((row) => row.model === model);
    const total = (key: 'calls' | 'inputTokens' | 'outputTokens' | 'dollars'): number =>
      rows.reduce((sum, row) => sum + row[key], 0);
    return {
      ...costOf(model, own, gains),
      turns: total('calls'),
      inputTokens: total('inputTokens'),
      outputTokens: total('outputTokens'),
      dollars: total('dollars'),
    };
  });
}
