// The end of what is kept of a run. The journal keeps its events; what they pointed to in the artifact store may go.

import type { Digest } from '../../shared/core/ids.ts';
import type { Command } from './command.ts';
import type { RunEvent } from './event.ts';
import type { Run, State } from './state.ts';

type RunDeleted = Extract<RunEvent, { kind: 'runDeleted' }>;

/** True where nothing of the run is under way any more. */
export function mayDelete({ phase }: Run): boolean {
  return phase === 'sealed' || phase === 'killed';
}

export function deleteRun(state: State, { runId }: RunDeleted): Command[] {
  const run = state.runs.get(runId);
  if (run === undefined) return [];
  for (const attemptId of run.attempts) state.attempts.delete(attemptId);
  state.requests.delete(run.requestId);
  state.runs.delete(runId);
  return [];
}

/** Runs that ended before a moment, in milliseconds since 1970. */
export function endedBefore(state: Readonly<State>, atMs: number): Run[] {
  return [...state.runs.values()].filter(
    (run) => mayDelete(run) && (run.killedAt ?? run.sealedAt ?? Number.POSITIVE_INFINITY) < atMs,
  );
}

/** Every artifact that a run or one of its candidates needs. */
export function digestsOf(state: Readonly<State>): Set<Digest> {
  const digests = new Set<Digest>();
  const add = (digest: Digest | undefined): void => {
    if (digest !== undefined) digests.add(digest);
  };
  for (const { task, refit, finalSubmissionDigest } of state.runs.values()) {
    for (const digest of [task.bundleDigest, finalSubmissionDigest, refit?.bundleDigest, refit?.finalSubmissionDigest])
      add(digest);
  }
  for (const { artifacts } of state.attempts.values()) {
    for (const digest of [artifacts.solution, artifacts.submission, artifacts.log, artifacts.transcript]) add(digest);
  }
  return digests;
}

/** When the oldest attempt was planned that has not ended: what it stores is not pointed to yet. */
export function oldestOpenAt(state: Readonly<State>): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    for (const attemptId of [...(run?.waiting ?? []), ...(run?.inFlight ?? []), ...(run?.evaluating ?? [])]) {
      oldest = Math.min(oldest, state.attempts.get(attemptId)?.plannedAt ?? oldest);
    }
  }
  return oldest;
}
