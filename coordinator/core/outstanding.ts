// Which commands still wait for an outcome: what to issue again after a restart, and what not to retry any longer.

import { assertNever } from '../../shared/core/assert.ts';
import type { AttemptId, HostName, RunId } from '../../shared/core/ids.ts';
import { evaluateCommand } from './attempt-steps.ts';
import type { Command } from './command.ts';
import { drainCommand, isEmptied } from './host-steps.ts';
import { sealCommand } from './sealing.ts';
import type { Attempt, Run, State } from './state.ts';
import { isLeased } from './state.ts';

/** Every command without a known outcome. All of them are idempotent, so each may have been carried out before. */
export function outstanding(state: State): Command[] {
  const commands: Command[] = [];
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    if (run === undefined) continue;
    for (const attemptId of run.inFlight) commands.push(...ofLeased(state, run, state.attempts.get(attemptId)));
    for (const attemptId of run.evaluating) commands.push(...ofEvaluating(run, state.attempts.get(attemptId)));
    commands.push(...sealCommand(run));
  }
  return commands;
}

function ofLeased(state: State, run: Run, attempt: Attempt | undefined): Command[] {
  if (attempt?.host === undefined || attempt.slotId === undefined) return [];
  const { runId, id: attemptId, epoch, host, slotId } = attempt;
  if (run.phase === 'sealing' || run.refit?.cancelled === true) {
    return [{ kind: 'cancelAttempt', runId, attemptId, epoch, host, reason: 'the run is over' }];
  }
  if (isEmptied(state, host)) return drainCommand(host, attempt);
  return attempt.phase === 'leased' ? [{ kind: 'startAttempt', runId, attemptId, epoch, host, slotId }] : [];
}

function ofEvaluating(run: Run, attempt: Attempt | undefined): Command[] {
  return attempt === undefined ? [] : evaluateCommand(run, attempt);
}

/** True while the outcome of the command would still change something. */
export function isWanted(state: State, command: Command): boolean {
  const run = state.runs.get(command.runId);
  if (run === undefined) return false;
  if (command.kind === 'sealRun') return run.phase === 'sealing';
  if (command.kind === 'tellGuidance') return run.phase === 'running' || run.phase === 'paused';
  const attempt = state.attempts.get(command.attemptId);
  if (attempt === undefined || attempt.epoch !== command.epoch) return false;
  switch (command.kind) {
    case 'startAttempt':
      return attempt.phase === 'leased' && run.phase !== 'sealing' && run.refit?.cancelled !== true;
    case 'cancelAttempt':
      // The attempts of a killed run are written off; their hosts are told all the same.
      return isLeased(attempt) || run.endReason === 'killed';
    case 'evaluate':
    case 'submitRefit':
      return attempt.phase === 'evaluating';
    case 'closeAccount':
      return true;
    default:
      return assertNever(command);
  }
}

/** What a host holds leases for. */
export interface HeldLease {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
}

/** The leases that are now out at a host. */
export function leasesOf(state: State, name: HostName): HeldLease[] {
  const leases: HeldLease[] = [];
  for (const attemptId of state.hosts.get(name)?.attempts ?? []) {
    const attempt = state.attempts.get(attemptId);
    if (attempt !== undefined) leases.push({ runId: attempt.runId, attemptId, epoch: attempt.epoch });
  }
  return leases;
}
