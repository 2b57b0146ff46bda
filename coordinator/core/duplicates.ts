// Candidates that repeat another one of their run: the same predictions, or a program that differs in nothing that counts.
//
// Owns: what repeats what, and what follows. Leaves to the agent how programs are compared (gpu-agent/core/python-code.ts), to
// the evaluator that equal predictions cost no query. A repeat that is found before it is evaluated takes the score of the
// first one and the evaluator is not asked. It never becomes a parent or a finalist, and it counts as a candidate:
// a policy that repeats itself ends its run like any other.

import type { AttemptId } from '../../shared/core/ids.ts';
import type { AttemptEvent, Event } from './event.ts';
import type { Attempt, Duplicate, Run, State } from './state.ts';

/** Scored candidates, the repeats among them. */
export function scoredCount(run: Run): number {
  return run.population.ranked.length + run.duplicates;
}

/** The scored candidate that the attempt repeats. */
export function twinOf(run: Run, attempt: Attempt): Duplicate | undefined {
  if (attempt.operator === 'refit') return undefined;
  for (const by of ['predictions', 'code'] as const) {
    const of = run.firstOf.get(keyOf(attempt, by) ?? '');
    if (of !== undefined && of !== attempt.id) return { of, by };
  }
  return undefined;
}

/** Remembers a scored candidate as the first with its predictions and its program, or as a repeat. */
export function noteScored(run: Run, attempt: Attempt): void {
  if (twinOf(run, attempt) !== undefined) {
    noteRepeat(run, attempt.id);
    return;
  }
  for (const by of ['predictions', 'code'] as const) {
    const key = keyOf(attempt, by);
    if (key !== undefined) run.firstOf.set(key, attempt.id);
  }
}

/** Has the next decision look at an attempt that repeats another. */
export function noteRepeat(run: Run, id: AttemptId): void {
  if (!run.repeats.includes(id)) run.repeats.push(id);
}

function keyOf({ artifacts, codeDigest }: Attempt, by: Duplicate['by']): string | undefined {
  const digest = by === 'code' ? codeDigest : artifacts.submission;
  return digest === undefined ? undefined : `${by}:${digest}`;
}

/** The next repeat that is to be written down. */
export function duplicateDecision(state: State): Event | undefined {
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    const attempt = state.attempts.get(run?.repeats[0] ?? ('' as AttemptId));
    const twin = run === undefined || attempt === undefined ? undefined : twinOf(run, attempt);
    if (attempt === undefined || twin === undefined) continue;
    const { id: attemptId, epoch } = attempt;
    return { kind: 'candidateDuplicated', runId, attemptId, epoch, duplicateOf: twin.of, by: twin.by };
  }
  return undefined;
}

/** That a candidate repeats another. */
export type Duplicated = Extract<AttemptEvent, { kind: 'candidateDuplicated' }>;

/** True where the attempt is, or will be, scored and the other one stands in the population. */
export function admitsDuplicate(state: State, attempt: Attempt, event: Duplicated): boolean {
  const twin = state.attempts.get(event.duplicateOf);
  return (
    (attempt.phase === 'evaluating' || attempt.phase === 'scored') &&
    attempt.operator !== 'refit' &&
    attempt.duplicate === undefined &&
    twin !== undefined &&
    twin.id !== attempt.id &&
    twin.runId === attempt.runId &&
    twin.phase === 'scored' &&
    twin.duplicate === undefined
  );
}
