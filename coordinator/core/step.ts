// The machine: `step(state, event)` changes the state by one event and says what is to be done.
//
// Owns: the meaning of every event. Leaves to decide.ts what should happen next, to the shell that an event is in the
// journal before a command is carried out.
//
// Invariants: 1. Total: an event that the state does not admit (a duplicate, an older epoch, another host's) changes
// nothing and asks for nothing. 2. Deterministic: equal events in equal order give equal states. 3. The cost of a step does
// not grow with the number of events before it. 4. A run's own events, folded alone, give the same run (rpc/ relies on it).

import { assertNever } from '../../shared/core/assert.ts';
import { admits } from './admission.ts';
import { endAttempt, lease, loseAttempt, markDuplicate, plan, refuse, score, start } from './attempt-steps.ts';
import type { Command } from './command.ts';
import { deleteRun } from './delete-run.ts';
import type { Event, StampedEvent } from './event.ts';
import { runOf } from './event.ts';
import {
  changeHost,
  cordonHost,
  endDrain,
  forgetHost,
  joinHost,
  loseHost,
  startDrain,
  suspectHost,
} from './host-steps.ts';
import { killRun } from './kill.ts';
import { askScore, tellScore } from './queries.ts';
import { setQuotas } from './quotas.ts';
import { endRefit, judgeRun } from './refit.ts';
import { releaseCandidate } from './release.ts';
import {
  createRun,
  extendRun,
  pauseRun,
  resumeRun,
  sealRun,
  spendBudget,
  startSealing,
  steerRun,
} from './run-steps.ts';
import type { State } from './state.ts';

/** Applies an event in its place; returns the commands that follow from it. */
export function step(state: State, event: StampedEvent): Command[] {
  state.sequence = Math.max(state.sequence, event.sequence);
  const admitted = admits(state, event);
  state.clockMs = Math.max(state.clockMs, event.clockMs);
  if (!admitted) return [];
  const commands = apply(state, event, event.at);
  const runId = runOf(event);
  const run = runId === undefined ? undefined : state.runs.get(runId);
  if (run !== undefined) run.lastSequence = event.sequence;
  return commands;
}

function apply(state: State, event: Event, at: number): Command[] {
  return isOfHost(event) ? applyToHost(state, event, at) : applyToRun(state, event, at);
}

type HostEvent = Extract<Event, { kind: `host${string}` }>;

const isOfHost = (event: Event): event is HostEvent => event.kind.startsWith('host');

function applyToHost(state: State, event: HostEvent, at: number): Command[] {
  switch (event.kind) {
    case 'hostJoined':
      return joinHost(state, event, at);
    case 'hostChanged':
      return changeHost(state, event, at);
    case 'hostSuspected':
    case 'hostRecovered':
      return suspectHost(state, event, at);
    case 'hostLost':
      return loseHost(state, event, at);
    case 'hostCordoned':
    case 'hostUncordoned':
      return cordonHost(state, event, at);
    case 'hostDrainStarted':
      return startDrain(state, event, at);
    case 'hostDrainDue':
      return endDrain(state, event);
    case 'hostForgotten':
      return forgetHost(state, event);
    default:
      return assertNever(event);
  }
}

function applyToRun(state: State, event: Exclude<Event, HostEvent>, at: number): Command[] {
  switch (event.kind) {
    case 'runCreated':
      return createRun(state, event, at);
    case 'runPaused':
    case 'runResumed':
      return event.kind === 'runPaused' ? pauseRun(state, event) : resumeRun(state, event);
    case 'runSteered':
      return steerRun(state, event);
    case 'runExtended':
      return extendRun(state, event);
    case 'runBudgetSpent':
      return spendBudget(state, event, at);
    case 'runSealing':
      return startSealing(state, event, at);
    case 'runDeleted':
      return deleteRun(state, event);
    case 'runKilled':
      return killRun(state, event, at);
    case 'runJudged':
      return judgeRun(state, event);
    case 'runSealed':
      return sealRun(state, event, at);
    case 'attemptPlanned':
      return plan(state, event, at);
    case 'attemptLeased':
      return lease(state, event);
    case 'attemptStarted':
      return start(state, event, at);
    case 'attemptEnded':
      return endAttempt(state, event, at);
    case 'attemptLost':
      return loseAttempt(state, event, at);
    case 'scoreAsked':
      return askScore(state, event);
    case 'scoreTold':
      return tellScore(state, event);
    case 'candidateScored':
      return score(state, event, at);
    case 'candidateDuplicated':
      return markDuplicate(state, event, at);
    case 'candidateReleased':
      return releaseCandidate(state, event);
    case 'candidateRefitted':
      return endRefit(state, event, at);
    case 'candidateRefused':
      return refuse(state, event, at);
    case 'quotasSet':
      return setQuotas(state, event);
    case 'clockTicked':
      return [];
    default:
      return assertNever(event);
  }
}
