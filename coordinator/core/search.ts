// What to try next in a run: the operator, the parents and the seed.
//
// Steady state, no generations (AIRA2 §3): each free lane gets one choice at once. Pure but for reading: the generator is
// copied, and the choice carries it as it is left, so that the state changes only when the choice comes back as an event.

import type { AttemptId } from '../../shared/core/ids.ts';
import { attemptId } from '../../shared/core/ids.ts';
import type { Rng } from '../../shared/core/rng.ts';
import { nextFloat, nextUint32 } from '../../shared/core/rng.ts';
import type { FailureReason, Operator } from '../../shared/core/vocabulary.ts';
import type { AttemptPlanned } from './event.ts';
import { sorted } from './order.ts';
import { sampleParent, sampleParents } from './population.ts';
import type { Run } from './state.ts';

/** Draws of a pair before a crossover gives way to a mutation because all of them are being worked on. */
const pairDraws = 8;

/**
 * Failures that say something about the solution, so that a fresh trajectory may mend it. Not: cancelled, gave up,
 * infrastructure, a lost lease or an absent model.
 */
const repairableReasons: ReadonlySet<FailureReason> = new Set([
  'crash',
  'timeout',
  'outOfMemory',
  'diskFull',
  'noSubmission',
  'badSubmission',
]);

/** True where a failed candidate is worth one repair. A failed repair is not: the chain would have no end. */
export function isRepairable(operator: Operator, reason: FailureReason): boolean {
  return operator !== 'repair' && operator !== 'refit' && repairableReasons.has(reason);
}

/**
 * True while the run's first score is about to come and nothing but one more draft could be planned before it. The wait is
 * as long as an evaluation, and what is planned then has a parent.
 */
export function awaitsFirstScore(run: Run, slots: number): boolean {
  if (run.population.ranked.length > 0 || run.evaluating.size === 0) return false;
  return run.draftsPlanned >= draftsWanted(run, slots) && (run.repairable.length === 0 || !repairs(run));
}

function repairs({ options }: Run): boolean {
  return options.repair && options.operators.includes('repair');
}

interface Choice {
  readonly operator: Operator;
  readonly parents: readonly AttemptId[];
}

/** Plans the run's next attempt. `slots` is the number of slots that could run it now or later. */
export function planAttempt(run: Run, slots: number): AttemptPlanned {
  const rng = { ...run.rng };
  const choice = choose(run, slots, rng);
  const number = run.attempts.length + 1;
  return {
    kind: 'attemptPlanned',
    runId: run.id,
    attemptId: attemptId(`${run.id}-${String(number).padStart(4, '0')}`),
    number,
    operator: choice.operator,
    parents: choice.parents,
    seed: nextUint32(rng),
    rng,
  };
}

function choose(run: Run, slots: number, rng: Rng): Choice {
  const { options, population } = run;
  const allowed = (operator: Operator): boolean => options.operators.includes(operator);
  const broken = repairs(run) ? run.repairable[0] : undefined;
  if (broken !== undefined) return { operator: 'repair', parents: [broken] };
  // The first candidates come from nothing else, so they are drafts even where the options leave that operator out.
  if (population.ranked.length === 0) return draft;
  if (allowed('draft') && (run.draftsPlanned < draftsWanted(run, slots) || nextFloat(rng) < options.draftProbability)) {
    return draft;
  }
  if (allowed('crossover') && (!allowed('mutate') || nextFloat(rng) < options.crossoverProbability)) {
    const pair = choosePair(run, rng);
    if (pair !== undefined) return { operator: 'crossover', parents: pair };
  }
  const parent = allowed('mutate') ? sampleParent(population, rng) : undefined;
  return parent === undefined ? draft : { operator: 'mutate', parents: [parent.id] };
}

const draft: Choice = { operator: 'draft', parents: [] };

/** One draft for each slot that the run may use at once; a fork has its beginnings. */
function draftsWanted(run: Run, slots: number): number {
  if (run.forked !== undefined) return 0;
  const { parallelAttempts } = run.options;
  return parallelAttempts > 0 ? Math.min(slots, parallelAttempts) : slots;
}

/** Two parents that no unfinished crossover has. Mutating one parent in parallel is fine; the paper calls it a feature. */
function choosePair(run: Run, rng: Rng): readonly AttemptId[] | undefined {
  for (let draw = 0; draw < pairDraws; draw += 1) {
    const pair = sampleParents(run.population, rng);
    if (pair === undefined) return undefined;
    const ids = pair.map((parent) => parent.id);
    if (!run.openPairs.has(pairKey(ids))) return ids;
  }
  return undefined;
}

/** Equal for the same two parents in either order. */
export function pairKey(parents: readonly AttemptId[]): string {
  return sorted(parents).join(' ');
}
