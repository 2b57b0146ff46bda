// The last execution of a run: its winner once more, on all labelled data, after the verdict. It is an attempt like any
// other but for what it is given, so leases, lost hosts and restarts are as everywhere.
//
//   sealing ──runJudged──▶ refitting ──(attemptPlanned: refit … candidateRefitted, or its failure)──▶ runSealed
//
// Invariants: 1. The verdict waits in `run.refit` and is told only with `runSealed`. 2. Whatever the refit comes to, the run
// is sealed: a failure leaves the submission of the winner as it was chosen, and the verdict says so.

import { attemptId } from '../../shared/core/ids.ts';
import type { Command } from './command.ts';
import type { AttemptEvent, Event, RunEvent } from './event.ts';
import type { Attempt, Run, State } from './state.ts';
import { openAttempts } from './state.ts';
import type { Verdict } from './task.ts';

type OfRun<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>;
type OfAttempt<Kind extends AttemptEvent['kind']> = Extract<AttemptEvent, { kind: Kind }>;

/** True where the verdict is of a single winner whose program can run once more. */
export function mayRefit(run: Run, verdict: Verdict): boolean {
  if (!run.task.refit || !verdict.hasFinalSubmission || verdict.ensemble?.selected === true) return false;
  return run.attempts.some((id) => id === verdict.winnerId);
}

/** The verdict with a sentence more. */
export function withNote(verdict: Verdict, note: string): Verdict {
  return { ...verdict, notes: [...(verdict.notes ?? []), note] };
}

export function judgeRun(state: State, event: OfRun<'runJudged'>): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  const { verdict, finalSubmissionDigest, bundleDigest } = event;
  run.phase = 'refitting';
  run.refit = { verdict, bundleDigest, finalSubmissionDigest, cancelled: false };
  return [];
}

export function endRefit(state: State, event: OfAttempt<'candidateRefitted'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run?.refit === undefined || attempt === undefined) return [];
  run.evaluating.delete(attempt.id);
  attempt.phase = 'refitted';
  attempt.endedAt = at;
  run.refit = { ...run.refit, finalSubmissionDigest: event.finalSubmissionDigest };
  return [];
}

/** What is to happen next with the runs that refit: planning the attempt, and sealing once it has ended. */
export function refitDecision(state: State): Event | undefined {
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    if (run?.phase !== 'refitting' || run.refit === undefined || openAttempts(run) > 0) continue;
    const last = refitAttempt(state, run);
    if (last === undefined && !run.refit.cancelled) return plan(run, run.refit.verdict);
    const { verdict, finalSubmissionDigest } = run.refit;
    return { kind: 'runSealed', runId, verdict: withNote(verdict, outcomeNote(last)), finalSubmissionDigest };
  }
  return undefined;
}

function refitAttempt(state: State, run: Run): Attempt | undefined {
  const last = state.attempts.get(run.attempts.at(-1) ?? attemptId('none'));
  return last?.operator === 'refit' ? last : undefined;
}

function plan(run: Run, verdict: Verdict): Event | undefined {
  const winner = run.attempts.find((id) => id === verdict.winnerId);
  if (winner === undefined) return undefined;
  const number = run.attempts.length + 1;
  return {
    kind: 'attemptPlanned',
    runId: run.id,
    attemptId: attemptId(`${run.id}-${String(number).padStart(4, '0')}`),
    number,
    operator: 'refit',
    parents: [winner],
    // The winner is run once more as it was, so no number is drawn for it.
    seed: run.options.seed,
    rng: run.rng,
  };
}

function outcomeNote(attempt: Attempt | undefined): string {
  if (attempt?.phase === 'refitted')
    return 'the final submission is by the winner refitted on all labelled rows; every score here is of the winner before that';
  const why = attempt?.failureReason === undefined ? 'cancelled' : attempt.failureReason;
  const more =
    attempt === undefined || attempt.failureMessage === '' ? '' : `: ${attempt.failureMessage.slice(0, 200)}`;
  return `the refit on all labelled rows failed (${why}${more}), so the submission of the winner as it was chosen stands`;
}

/** Gives a refit up: what waits ends through `conclude`, what runs is told to stop. */
export function cancelRefit(state: State, run: Run, endWaiting: (reason: string) => void): Command[] {
  if (run.refit === undefined) return [];
  const reason = 'the refit was cancelled';
  run.refit = { ...run.refit, cancelled: true };
  endWaiting(reason);
  return [...run.inFlight].flatMap((id): Command[] => {
    const attempt = state.attempts.get(id);
    if (attempt?.host === undefined) return [];
    const { runId, epoch, host } = attempt;
    return [{ kind: 'cancelAttempt', runId, attemptId: id, epoch, host, reason }];
  });
}
