// A run that goes on from another one: it begins with scored candidates of that run as its own, under ids of its own.
//
// Invariants: 1. The event of its creation carries all that it inherits, so that a run's own events tell the whole of it.
// 2. Inherited candidates are ranked, may be parents and may win, and count towards no budget of candidates.
// 3. What an inherited candidate descends from and was not inherited itself is unknown here; the evaluator knows it (its forks.ts).

import { type AttemptId, attemptId, type RunId } from '../../shared/core/ids.ts';
import { blankAttempt } from './attempt-steps.ts';
import { noteScored } from './duplicates.ts';
import type { Fork, Inherited } from './event.ts';
import { insert, top } from './population.ts';
import type { Attempt, Run, Score, State } from './state.ts';

/** Most candidates that a fork begins with: its creation is one event, of about 1 kB for each. */
export const mostInherited = 10_000;

/** The best `count` candidates of a run as a fork of that id begins with them, in the order in which they were made. */
export function forkOf(state: Readonly<State>, run: Run, forkId: RunId, count: number): Fork {
  const chosen = top(run.population, count)
    .flatMap(({ id }) => state.attempts.get(id) ?? [])
    .sort((left, right) => left.number - right.number);
  const ids = new Map(chosen.map(({ id }, index) => [id, idOf(forkId, index + 1)]));
  const candidates = chosen.flatMap((attempt, index) => {
    const { score } = attempt;
    return score === undefined ? [] : [inherited(attempt, score, forkId, index + 1, ids)];
  });
  return { from: run.id, candidates };
}

function idOf(run: RunId, number: number): AttemptId {
  return attemptId(`${run}-${String(number).padStart(4, '0')}`);
}

function inherited(
  attempt: Attempt,
  score: Score,
  forkId: RunId,
  number: number,
  ids: ReadonlyMap<AttemptId, AttemptId>,
): Inherited {
  const { id: from, operator, seed, plannedAt, endedAt, artifacts, codeDigest, runSeconds, note } = attempt;
  const parents = attempt.parents.flatMap((parent) => ids.get(parent) ?? []);
  return {
    ...{ id: idOf(forkId, number), from, number, operator, parents, seed, plannedAt, endedAt },
    ...{ artifacts, codeDigest, runSeconds, note, score },
  };
}

/** Has a new run begin with the candidate. */
export function inherit(state: State, run: Run, { from, ...candidate }: Inherited): void {
  const { id, number, operator, plannedAt, endedAt = plannedAt, score } = candidate;
  const wasBest = insert(run.population, { id, number, value: score.value });
  const rest = { runId: run.id, phase: 'scored', wasBest, endedAt, inheritedFrom: from } as const;
  if (operator === 'draft') run.draftsPlanned += 1;
  const draftNumber = operator === 'draft' ? run.draftsPlanned : 0;
  const attempt: Attempt = { ...blankAttempt, ...candidate, ...rest, draftNumber };
  state.attempts.set(id, attempt);
  noteScored(run, attempt);
  run.attempts.push(id);
}
