// A person has looked at a candidate that was held back, and lets it go on as any other.
//
// Leaves to the evaluator what it held back itself (a perfect score): such a candidate may be a parent again, and still never
// wins.

import type { Command } from './command.ts';
import { noteScored } from './duplicates.ts';
import type { AttemptEvent } from './event.ts';
import { insert } from './population.ts';
import type { Attempt, Run, State } from './state.ts';

export type Released = Extract<AttemptEvent, { kind: 'candidateReleased' }>;

/** True while the run can still make something of it. */
export function mayRelease(run: Run | undefined, attempt: Attempt): boolean {
  return attempt.phase === 'quarantined' && (run?.phase === 'running' || run?.phase === 'paused');
}

export function releaseCandidate(state: State, { runId, attemptId, by, reason }: Released): Command[] {
  const run = state.runs.get(runId);
  const attempt = state.attempts.get(attemptId);
  if (run === undefined || attempt?.score === undefined) return [];
  run.quarantined -= 1;
  attempt.phase = 'scored';
  attempt.score = { ...attempt.score, quarantined: false };
  // What was seen stays beside what was decided.
  attempt.failureMessage = `released by ${by}: ${reason} (it was held back for ${attempt.failureMessage})`;
  const { id, number, score } = attempt;
  attempt.wasBest = insert(run.population, { id, number, value: score.value });
  noteScored(run, attempt);
  return [];
}
