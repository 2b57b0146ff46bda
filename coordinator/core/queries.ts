// Scores that an attempt asks for during its work: the run's budget of them, off unless the run was created with one.
//
// Owns: who may ask, and how often. Leaves to the evaluator what an answer shows, and the budgets of run and lineage.
// Invariants: 1. A score is counted before the evaluator is asked, so that no number of calls at once gets more than the budget.
// 2. The budget is the attempt's, over all of its leases: whoever takes it over gets what is left. 3. Of an answer the state holds
// the feedback text and never the score, so nothing else can reach an agent. 4. A file that was asked for costs nothing again.

import type { Digest } from '../../shared/core/ids.ts';
import type { Command } from './command.ts';
import type { AttemptEvent } from './event.ts';
import type { Attempt, Run, ScoreQuery, State } from './state.ts';
import { isLeased } from './state.ts';

type Of<Kind extends AttemptEvent['kind']> = Extract<AttemptEvent, { kind: Kind }>;

/** Files that the evaluator refuses tell nothing of labels and are not counted, so they have a bound of their own. */
const mostRefused = 20;

/** The query about that file, where there was one. */
export function queryFor({ queries = [] }: Attempt, submission: Digest): ScoreQuery | undefined {
  return queries.find((query) => query.submission === submission);
}

/** Scores that the attempt has asked for; refused files are not counted. */
export function queriesUsed({ queries = [] }: Attempt): number {
  return queries.filter(({ answer }) => answer === undefined || 'feedback' in answer).length;
}

/** Scores that the attempt may still ask for. */
export function queriesLeft(run: Run, attempt: Attempt): number {
  return Math.max(0, (run.options.scoreQueries ?? 0) - queriesUsed(attempt));
}

/** True where the attempt is at work on that host, in a run that goes on. */
export function mayAsk(
  run: Run | undefined,
  attempt: Attempt,
  event: Pick<Of<'scoreAsked'>, 'host' | 'epoch'>,
): boolean {
  const goesOn = run?.phase === 'running' || run?.phase === 'paused';
  return goesOn && isLeased(attempt) && attempt.host === event.host && attempt.epoch === event.epoch;
}

/** True where another file may be asked for. */
export function admitsQuery(run: Run | undefined, attempt: Attempt, event: Of<'scoreAsked'>): boolean {
  if (run === undefined || !mayAsk(run, attempt, event) || queryFor(attempt, event.submission) !== undefined)
    return false;
  const refused = (attempt.queries?.length ?? 0) - queriesUsed(attempt);
  return queriesLeft(run, attempt) > 0 && refused < mostRefused;
}

/** True where the file was asked for and has no answer yet, whatever became of the attempt meanwhile. */
export function admitsAnswer(attempt: Attempt, { submission }: Of<'scoreTold'>): boolean {
  const query = queryFor(attempt, submission);
  return query !== undefined && query.answer === undefined;
}

export function askScore(state: State, { attemptId, submission }: Of<'scoreAsked'>): Command[] {
  const attempt = state.attempts.get(attemptId);
  if (attempt !== undefined) attempt.queries = [...(attempt.queries ?? []), { submission }];
  return [];
}

export function tellScore(state: State, { attemptId, submission, answer }: Of<'scoreTold'>): Command[] {
  const attempt = state.attempts.get(attemptId);
  if (attempt !== undefined) {
    attempt.queries =
      attempt.queries?.map((query) => (query.submission === submission ? { submission, answer } : query)) ?? [];
  }
  return [];
}
