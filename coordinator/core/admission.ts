// Which events the state admits. The shell journals only these, so duplicates, stale epochs and forged reports leave no
// trace; `step` asks again, so that it stays total.

import { assertNever } from '../../shared/core/assert.ts';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { mayDelete } from './delete-run.ts';
import { admitsDuplicate } from './duplicates.ts';
import type { AttemptEvent, AttemptPlanned, Event, HostEvent, RunEvent } from './event.ts';
import { maySteer } from './guidance.ts';
import { mayKill } from './kill.ts';
import type { Budgets } from './options.ts';
import { admitsAnswer, admitsQuery } from './queries.ts';
import { admitsQuotas } from './quotas.ts';
import { mayRelease } from './release.ts';
import type { Run, State } from './state.ts';
import { isLeased, openAttempts } from './state.ts';

/** True where the event would change the state. */
export function admits(state: State, event: Event): boolean {
  switch (event.kind) {
    case 'runCreated':
    case 'runPaused':
    case 'runExtended':
    case 'runResumed':
    case 'runSteered':
    case 'runBudgetSpent':
    case 'runSealing':
    case 'runKilled':
    case 'runDeleted':
    case 'runJudged':
    case 'runSealed':
      return admitsOfRun(state, event);
    case 'hostJoined':
    case 'hostChanged':
    case 'hostSuspected':
    case 'hostRecovered':
    case 'hostLost':
    case 'hostCordoned':
    case 'hostUncordoned':
    case 'hostDrainStarted':
    case 'hostDrainDue':
    case 'hostForgotten':
      return admitsOfHost(state, event);
    case 'attemptPlanned':
      return admitsPlan(state, event);
    case 'attemptLeased':
    case 'attemptStarted':
    case 'attemptEnded':
    case 'attemptLost':
    case 'scoreAsked':
    case 'scoreTold':
    case 'candidateScored':
    case 'candidateDuplicated':
    case 'candidateReleased':
    case 'candidateRefitted':
    case 'candidateRefused':
      return admitsOfAttempt(state, event);
    case 'quotasSet':
      return admitsQuotas(state, event);
    case 'clockTicked':
      return state.activeRuns.size > 0;
    default:
      return assertNever(event);
  }
}

function admitsOfRun(state: State, event: RunEvent): boolean {
  const run = state.runs.get(event.runId);
  if (event.kind === 'runCreated') return run === undefined && !state.requests.has(event.requestId);
  if (run === undefined) return false;
  switch (event.kind) {
    case 'runPaused':
      return run.phase === 'running';
    case 'runExtended':
      return (
        (run.phase === 'running' || run.phase === 'paused') &&
        run.spentBudget === undefined &&
        isMore(run, event.budgets)
      );
    case 'runResumed':
      return run.phase === 'paused';
    case 'runSteered':
      return (run.phase === 'running' || run.phase === 'paused') && maySteer(run, event.guidance);
    case 'runBudgetSpent':
      return (run.phase === 'running' || run.phase === 'paused') && run.spentBudget === undefined;
    case 'runSealing':
      return (
        run.phase === 'running' ||
        run.phase === 'paused' ||
        (run.phase === 'refitting' && run.refit?.cancelled === false)
      );
    case 'runDeleted':
      return mayDelete(run);
    case 'runKilled':
      return mayKill(run, event.seal);
    case 'runSealed':
      return (run.phase === 'sealing' || run.phase === 'refitting') && openAttempts(run) === 0;
    case 'runJudged':
      return run.phase === 'sealing' && openAttempts(run) === 0;
    default:
      return assertNever(event);
  }
}

/** True where a budget changes; a new total may not end the run by itself, so none gets smaller. */
function isMore({ options }: Run, budgets: Budgets): boolean {
  const names = ['candidates', 'wallSeconds', 'dollars', 'tokens', 'slotHours'] as const;
  const size = (amount: number): number => (amount === 0 ? Number.POSITIVE_INFINITY : amount);
  return (
    names.every((name) => size(budgets[name]) >= size(options[name])) &&
    names.some((name) => budgets[name] !== options[name])
  );
}

function admitsOfHost(state: State, event: HostEvent): boolean {
  const host = state.hosts.get(event.host);
  if (event.kind === 'hostJoined') return host === undefined || host.lost;
  if (host === undefined) return false;
  switch (event.kind) {
    case 'hostChanged':
      return !host.lost && canonicalJson(host.description) !== canonicalJson(event.description);
    case 'hostSuspected':
      return !host.lost && !host.suspected;
    case 'hostRecovered':
      return !host.lost && host.suspected;
    case 'hostLost':
      return !host.lost;
    case 'hostCordoned':
      return !host.cordoned || host.reason !== event.reason;
    case 'hostUncordoned':
      return host.cordoned || host.drain !== undefined;
    case 'hostDrainStarted':
      // Sooner than it was to be, but never later: asking again is harmless.
      return host.drain === undefined || (!host.drain.due && state.clockMs + event.deadlineMs < host.drain.dueMs);
    case 'hostDrainDue':
      return host.drain?.due === false;
    case 'hostForgotten':
      return state.away.has(host.name) && host.attempts.size === 0;
    default:
      return assertNever(event);
  }
}

function admitsPlan(state: State, event: AttemptPlanned): boolean {
  const run = state.runs.get(event.runId);
  const phase = event.operator === 'refit' ? 'refitting' : 'running';
  if (run === undefined || run.phase !== phase || state.attempts.has(event.attemptId)) return false;
  // A refit asks no model.
  if (run.spentBudget !== undefined && event.operator !== 'refit') return false;
  if (event.number !== run.attempts.length + 1) return false;
  const parents = event.parents.map((id) => state.attempts.get(id));
  const parentPhase = event.operator === 'repair' ? 'failed' : 'scored';
  return (
    new Set(event.parents).size === event.parents.length &&
    event.parents.length === parentsOf[event.operator] &&
    parents.every(
      (parent) => parent?.runId === run.id && parent.phase === parentPhase && parent.duplicate === undefined,
    )
  );
}

const parentsOf = { draft: 0, mutate: 1, crossover: 2, repair: 1, refit: 1 } as const;

function admitsOfAttempt(state: State, event: Exclude<AttemptEvent, AttemptPlanned>): boolean {
  const attempt = state.attempts.get(event.attemptId);
  if (attempt === undefined || attempt.runId !== event.runId) return false;
  if (event.kind === 'attemptLeased') {
    const phase = state.runs.get(event.runId)?.phase;
    const goesOn = phase === 'running' || (phase === 'refitting' && attempt.operator === 'refit');
    return attempt.phase === 'planned' && event.epoch > state.epoch && goesOn;
  }
  if (event.epoch !== attempt.epoch) return false;
  switch (event.kind) {
    case 'attemptStarted':
      return attempt.phase === 'leased' && event.host === attempt.host;
    case 'attemptEnded':
    case 'attemptLost':
      return isLeased(attempt) && event.host === attempt.host;
    case 'scoreAsked':
      return admitsQuery(state.runs.get(event.runId), attempt, event);
    case 'scoreTold':
      return admitsAnswer(attempt, event);
    case 'candidateRefitted':
      return attempt.phase === 'evaluating' && attempt.operator === 'refit';
    case 'candidateScored':
      return attempt.phase === 'evaluating' && attempt.operator !== 'refit';
    case 'candidateReleased':
      return mayRelease(state.runs.get(event.runId), attempt);
    case 'candidateDuplicated':
      return admitsDuplicate(state, attempt, event);
    case 'candidateRefused':
      return attempt.phase === 'evaluating';
    default:
      return assertNever(event);
  }
}
