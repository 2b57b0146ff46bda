// What the coordinator decides by itself: the next decision that the state calls for, as an event to be journaled.
//
// The shell asks after every event until there is none left. Each decision is small, so that the state is always one that
// the next decision can trust. Order: repeats first, so that none is chosen; then ends, what lost hosts held, hosts lost long ago,
// drains that are due, free lanes.
// Fairness: a free lane goes to the run with the fewest lanes for its priority, if its owner may have more; of equals to the older one.

import { mayPlan, newlySpent, usedUp } from './budget.ts';
import { duplicateDecision } from './duplicates.ts';
import type { Event } from './event.ts';
import { hasQuota, slotsWithin } from './quotas.ts';
import { refitDecision } from './refit.ts';
import { allows, pickSlot } from './schedule.ts';
import { awaitsFirstScore, planAttempt } from './search.ts';
import type { Attempt, Run, Slot, State } from './state.ts';

/** The next decision; undefined where the state calls for none. */
export function decide(state: State): Event | undefined {
  return (
    duplicateDecision(state) ??
    endOfBudget(state) ??
    lostAttempt(state) ??
    longAway(state) ??
    endOfDrain(state) ??
    refitDecision(state) ??
    nextStep(state)
  );
}

function endOfBudget(state: State): Event | undefined {
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    if (run === undefined || (run.phase !== 'running' && run.phase !== 'paused')) continue;
    const budget = newlySpent(run);
    if (budget !== undefined) return { kind: 'runBudgetSpent', runId, budget };
    const endReason = usedUp(run, state.clockMs);
    if (endReason !== undefined) return { kind: 'runSealing', runId, endReason };
  }
  return undefined;
}

function lostAttempt(state: State): Event | undefined {
  for (const name of state.lostHosts) {
    const host = state.hosts.get(name);
    for (const attemptId of host?.attempts ?? []) {
      const attempt = state.attempts.get(attemptId);
      if (attempt === undefined) continue;
      const { runId, epoch } = attempt;
      // Its agent had said that it leaves, as when a machine is switched off: that is no try of the attempt either.
      const drained = host?.description.draining === true ? ({ drained: true } as const) : {};
      return { kind: 'attemptLost', runId, attemptId, epoch, host: name, message: `host ${name} was lost`, ...drained };
    }
  }
  return undefined;
}

/** Working time after which a lost host is forgotten, so that neither the state nor a list of hosts grows with every name there ever was. */
const forgetMs = 24 * 3_600_000;

/** The one that was lost first; by the time that it is due its attempts have gone to others. */
function longAway(state: State): Event | undefined {
  const [oldest] = state.away;
  if (oldest === undefined) return undefined;
  const [host, sinceMs] = oldest;
  return state.clockMs - sinceMs < forgetMs ? undefined : { kind: 'hostForgotten', host };
}

function endOfDrain(state: State): Event | undefined {
  for (const host of state.draining) {
    const dueMs = state.hosts.get(host)?.drain?.dueMs ?? Number.POSITIVE_INFINITY;
    if (dueMs <= state.clockMs) return { kind: 'hostDrainDue', host };
  }
  return undefined;
}

function nextStep(state: State): Event | undefined {
  if (pickSlot(state.freeSlots, () => true) === undefined) return undefined;
  let poorest: { readonly run: Run; readonly ready: Attempt | undefined; readonly slots: number } | undefined;
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    if (run === undefined || (run.phase !== 'running' && run.phase !== 'refitting')) continue;
    if (poorest !== undefined && shareOf(poorest.run) <= shareOf(run)) continue;
    if (!hasQuota(state, run)) continue;
    // What no free slot allows waits, and does not keep others from theirs.
    if (pickSlot(state.freeSlots, fitting(state, run)) === undefined) continue;
    const slots = slotsWithin(state, run, state.freeSlots.schedulable.size);
    const ready = readyAttempt(state, run);
    const canPlan =
      run.phase === 'running' && run.notBeforeMs <= state.clockMs && mayPlan(run) && !awaitsFirstScore(run, slots);
    if (ready !== undefined || canPlan) poorest = { run, ready, slots };
  }
  if (poorest === undefined) return undefined;
  if (poorest.ready === undefined) return planAttempt(poorest.run, poorest.slots);
  return lease(state, poorest.run, poorest.ready);
}

/** Lanes for each unit of priority. */
function shareOf(run: Run): number {
  return run.inFlight.size / (run.options.priority ?? 1);
}

/** Whether a slot's host allows the sandboxes of the run. */
function fitting(state: State, { options: { limits } }: Run): (slot: Slot) => boolean {
  return ({ host: name }) => {
    const host = state.hosts.get(name);
    return host !== undefined && allows(host, limits);
  };
}

/** A planned attempt that may be leased now. */
function readyAttempt(state: State, run: Run): Attempt | undefined {
  for (const attemptId of run.waiting) {
    const attempt = state.attempts.get(attemptId);
    if (attempt !== undefined && attempt.notBeforeMs <= state.clockMs) return attempt;
  }
  return undefined;
}

function lease(state: State, run: Run, attempt: Attempt): Event | undefined {
  const slot = pickSlot(state.freeSlots, fitting(state, run), attempt);
  if (slot === undefined) return undefined;
  return {
    kind: 'attemptLeased',
    runId: attempt.runId,
    attemptId: attempt.id,
    epoch: state.epoch + 1,
    host: slot.host,
    slotId: slot.description.slotId,
  };
}
