// What a run has used, and whether that ends it.
//
// Time is the coordinator's own working time while the run is not paused: a monotonic clock cannot be read across a
// restart, and a wall clock decides nothing here. So pauses and the coordinator's absence do not count against a budget.
//
// Of money, tokens and slot time a reserve is held ahead: what the attempts that were begun, and a refit at the end, are expected to need.
// The verdict itself asks no model and no slot.

import { scoredCount } from './duplicates.ts';
import type { EndReason, ModelBudget, Run, State } from './state.ts';
import { openAttempts } from './state.ts';

/** Active time of a run at the given working time, in milliseconds. */
export function elapsedMs(run: Run, clockMs: number): number {
  return run.elapsedMs + (run.runningSinceMs === undefined ? 0 : Math.max(0, clockMs - run.runningSinceMs));
}

/** Scored candidates that were made in this run. */
function ownScored(run: Run): number {
  return scoredCount(run) - (run.forked?.candidates ?? 0);
}

/** The budget that is used up; undefined while the run may go on. */
export function usedUp(run: Run, clockMs: number): EndReason | undefined {
  const { options, usage } = run;
  if (reached(ownScored(run), options.candidates)) return 'candidates';
  if (reached(elapsedMs(run, clockMs), options.wallSeconds * 1000)) return 'wall-clock';
  if (run.spentBudget !== undefined && openAttempts(run) === 0) return run.spentBudget;
  if (reached(usage.slotSeconds, options.slotHours * 3600)) return 'slot-hours';
  return run.phase === 'running' && openAttempts(run) === 0 ? reserved(run) : undefined;
}

/** Attempts of this run whose cost is part of its usage. */
function settledAttempts(run: Run): number {
  return ownScored(run) + run.quarantined + run.failed + run.evaluating.size;
}

/**
 * The budget that has no room for another attempt beside its reserve, where an attempt costs what those before it did on
 * average. As attempts end for less than that, there is room again. Nothing is known before the first has ended.
 */
function reserved(run: Run): 'dollars' | 'tokens' | 'slot-hours' | undefined {
  const { options, usage } = run;
  const settled = settledAttempts(run);
  if (settled === 0) return undefined;
  const begun = run.waiting.length + run.inFlight.size;
  const lacks = (used: number, limit: number, refits: number): boolean =>
    limit > 0 && used + (used / settled) * (begun + refits + 1) > limit * (1 + roundingShare);
  if (lacks(usage.dollars, options.dollars, 0)) return 'dollars';
  if (lacks(usage.outputTokens, options.tokens, 0)) return 'tokens';
  // A refit is one more execution of a program that an attempt wrote and executed.
  return lacks(usage.slotSeconds, options.slotHours * 3600, run.task.refit ? 1 : 0) ? 'slot-hours' : undefined;
}

/** Sums of money are doubles; ten attempts of a tenth of the budget must fit. */
const roundingShare = 1e-9;

/**
 * The budget of the model that is newly used up. It stops new attempts only: what is under way is paid for, cannot spend
 * more (the gateway refuses it), and may still end well.
 */
export function newlySpent({ spentBudget, usage, options }: Run): ModelBudget | undefined {
  if (spentBudget !== undefined) return undefined;
  if (reached(usage.dollars, options.dollars)) return 'dollars';
  return reached(usage.outputTokens, options.tokens) ? 'tokens' : undefined;
}

function reached(used: number, limit: number): boolean {
  return limit > 0 && used >= limit;
}

/** True where another attempt could still count. Attempts that cannot are not started: they would only be cancelled. */
export function mayPlan(run: Run): boolean {
  const { options } = run;
  if (run.spentBudget !== undefined || reserved(run) !== undefined) return false;
  if (options.parallelAttempts > 0 && run.waiting.length + run.inFlight.size >= options.parallelAttempts) return false;
  return options.candidates === 0 || openAttempts(run) < options.candidates - ownScored(run);
}

/** The working time at which something is due without any event from outside; undefined where nothing is. */
export function nextWakeMs(state: State): number | undefined {
  let wake = Number.POSITIVE_INFINITY;
  for (const host of state.draining) wake = Math.min(wake, state.hosts.get(host)?.drain?.dueMs ?? wake);
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    if (run === undefined || (run.phase !== 'running' && run.phase !== 'refitting')) continue;
    if (run.phase === 'running' && run.options.wallSeconds > 0) {
      wake = Math.min(wake, state.clockMs + run.options.wallSeconds * 1000 - elapsedMs(run, state.clockMs));
    }
    if (run.notBeforeMs > state.clockMs) wake = Math.min(wake, run.notBeforeMs);
    for (const attemptId of run.waiting) {
      const notBeforeMs = state.attempts.get(attemptId)?.notBeforeMs ?? 0;
      if (notBeforeMs > state.clockMs) wake = Math.min(wake, notBeforeMs);
    }
  }
  return Number.isFinite(wake) ? wake : undefined;
}
