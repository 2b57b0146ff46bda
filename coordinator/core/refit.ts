// The last execution of a run: its winner once more, on all labelled data, after the verdict; where an ensemble is handed
// in, each of its members, one after the other. Each is an attempt like any other but for what it is given, so leases, lost
// hosts and restarts are as everywhere.
//
//   sealing ──runJudged──▶ refitting ──(attemptPlanned: refit … candidateRefitted, or its failure)*──▶ runSealed
//
// Invariants: 1. The verdict waits in `run.refit` and is told only with `runSealed`. 2. Whatever the refit comes to, the run
// is sealed: a failure leaves the submission as it was chosen, whole, and the verdict says so.

import { attemptId } from '../../shared/core/ids.ts';
import type { Command } from './command.ts';
import type { AttemptEvent, Event, RunEvent } from './event.ts';
import type { Attempt, Run, State } from './state.ts';
import { openAttempts } from './state.ts';
import type { Verdict } from './task.ts';

type OfRun<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>;
type OfAttempt<Kind extends AttemptEvent['kind']> = Extract<AttemptEvent, { kind: Kind }>;

/** The candidates whose predictions are handed in, the largest share first. */
export function handedIn({ winnerId, ensemble }: Verdict): readonly string[] {
  return ensemble?.selected === true ? ensemble.members.map(({ candidateId }) => candidateId) : [winnerId];
}

/** Why nothing can be refitted although the task says so; undefined where it can. */
export function refitHindrance(state: State, run: Run, verdict: Verdict): string | undefined {
  const none = 'nothing was refitted on all labelled rows';
  if (verdict.winnerId === '') return `${none}: no candidate won`;
  if (!verdict.hasFinalSubmission) return `${none}: the task has no official test rows to predict`;
  const own = new Set<string>(run.attempts);
  const stranger = handedIn(verdict).find((id) => !own.has(id));
  if (stranger !== undefined) return `${none}: the program of ${stranger} is not of this run`;
  const repeat = handedIn(verdict).find((id) => state.attempts.get(attemptId(id))?.duplicate !== undefined);
  return repeat === undefined ? undefined : `${none}: ${repeat} repeats another candidate`;
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
    const { verdict, finalSubmissionDigest, cancelled } = run.refit;
    const refits = refitAttempts(state, run);
    const failed = refits.find(({ phase }) => phase !== 'refitted');
    const next = handedIn(verdict)[refits.length];
    if (next !== undefined && failed === undefined && !cancelled) {
      const planned = plan(run, next);
      if (planned !== undefined) return planned;
    }
    const note = outcomeNote(verdict, failed, next === undefined);
    return { kind: 'runSealed', runId, verdict: withNote(verdict, note), finalSubmissionDigest };
  }
  return undefined;
}

/** The refits so far, oldest first: the last attempts of a run, at most as many as are handed in. */
function refitAttempts(state: State, run: Run): Attempt[] {
  if (run.refit === undefined) return [];
  return run.attempts.slice(-handedIn(run.refit.verdict).length).flatMap((id) => {
    const attempt = state.attempts.get(id);
    return attempt?.operator === 'refit' ? [attempt] : [];
  });
}

function plan(run: Run, candidateId: string): Event | undefined {
  const candidate = run.attempts.find((id) => id === candidateId);
  if (candidate === undefined) return undefined;
  const number = run.attempts.length + 1;
  return {
    kind: 'attemptPlanned',
    runId: run.id,
    attemptId: attemptId(`${run.id}-${String(number).padStart(4, '0')}`),
    number,
    operator: 'refit',
    parents: [candidate],
    // The program is run once more as it was, so no number is drawn for it.
    seed: run.options.seed,
    rng: run.rng,
  };
}

function outcomeNote(verdict: Verdict, failed: Attempt | undefined, isWhole: boolean): string {
  const members = handedIn(verdict).length;
  const what = members === 1 ? 'winner' : 'ensemble';
  if (failed === undefined && isWhole) {
    const how = members === 1 ? '' : `, its ${members} programs put together by the same weights`;
    return `the final submission is by the ${what} refitted on all labelled rows${how}; every score here is of the ${what} before that`;
  }
  const why = failed?.failureReason ?? 'cancelled';
  const more = failed === undefined || failed.failureMessage === '' ? '' : `: ${failed.failureMessage.slice(0, 200)}`;
  return `the refit on all labelled rows failed (${why}${more}), so the submission of the ${what} as it was chosen stands`;
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
