// What an attempt is told: its parents, what was tried before, its limits.
//
// Invariant: of a score, only the evaluator's feedback text leaves the core towards an agent; never `value`.

import type { AttemptId, Digest } from '../../shared/core/ids.ts';
import type { FailureReason, Operator } from '../../shared/core/vocabulary.ts';
import { guidanceOf } from './guidance.ts';
import { top } from './population.ts';
import { queriesLeft } from './queries.ts';
import type { Attempt, State } from './state.ts';
import type { Limits, Task } from './task.ts';

/** Notes in one brief: what fits a prompt beside two parents' programs. */
const mostNotes = 40;
/** Of them, at most so many ancestors, and so many of the best. */
const mostAncestors = 12;
const mostBest = 14;
/** Text of all notes together; 40 notes of the full 2 KiB would crowd a prompt out. */
const mostNoteCharacters = 24_576;
const longestNote = 2_048;

/** A candidate that an attempt starts from. */
export interface BriefParent {
  readonly candidateId: AttemptId;
  readonly operator: Operator;
  readonly solution: Digest | undefined;
  readonly log: Digest | undefined;
  readonly score: string;
  readonly runSeconds: number;
  readonly note: string;
  readonly failureReason: FailureReason | undefined;
  readonly failureMessage: string;
}

/** An entry of the ideas ledger. */
interface BriefNote {
  readonly candidateId: AttemptId;
  readonly score: string;
  readonly text: string;
  /** 1 for a parent, 2 for a parent's parent; 0 where it is no ancestor. */
  readonly generation: number;
  readonly operator: Operator;
  readonly runSeconds: number;
}

/** Everything that the start of an attempt needs, but for the lease and the token. */
export interface Brief {
  readonly operator: Operator;
  readonly seed: number;
  /** Of the run, so that its drafts can divide the roads among themselves. */
  readonly runSeed: number;
  /** Position among the drafts of the run, from 1; 0 for other operators. */
  readonly draftNumber: number;
  /** Position among the mutations of its parent, from 1; 0 for other operators. */
  readonly siblingNumber: number;
  readonly task: Task;
  readonly limits: Limits;
  /** Of the whole run, for the gateway; 0 means no limit. */
  readonly runBudget: { readonly dollars: number; readonly outputTokens: number };
  readonly model: string;
  readonly guidance: string;
  /** Ideas to sketch before one is worked on; 0 and 1 mean none. */
  readonly rankBeforeRun: number;
  /** Scores that it may still ask for during its work. */
  readonly scoreQueries: number;
  /** Pieces added since the run's creation that the guidance holds. */
  readonly guidanceAdded: number;
  readonly parents: readonly BriefParent[];
  readonly notes: readonly BriefNote[];
}

/** The brief of an attempt as things stand now; undefined where it is unknown. Costs the same at any population. */
export function brief(state: State, attemptId: AttemptId): Brief | undefined {
  const attempt = state.attempts.get(attemptId);
  const run = attempt === undefined ? undefined : state.runs.get(attempt.runId);
  if (attempt === undefined || run === undefined) return undefined;
  const { limits, model, dollars, tokens } = run.options;
  return {
    operator: attempt.operator,
    seed: attempt.seed,
    runSeed: run.options.seed,
    draftNumber: attempt.draftNumber,
    siblingNumber: attempt.siblingNumber ?? 0,
    // What the winner is refitted on is of this run alone.
    task:
      attempt.operator === 'refit' && run.refit !== undefined
        ? { ...run.task, bundleDigest: run.refit.bundleDigest }
        : run.task,
    limits,
    runBudget: { dollars, outputTokens: tokens },
    model,
    guidance: guidanceOf(run),
    guidanceAdded: run.steering.length,
    rankBeforeRun: run.options.rankBeforeRun ?? 0,
    scoreQueries: attempt.operator === 'refit' ? 0 : queriesLeft(run, attempt),
    parents: attempt.parents.flatMap((id) => parentOf(state.attempts.get(id))),
    notes: attempt.operator === 'refit' ? [] : notesFor(state, attempt),
  };
}

function parentOf(parent: Attempt | undefined): BriefParent[] {
  if (parent === undefined) return [];
  const { id, operator, artifacts, runSeconds, note, failureReason, phase } = parent;
  // Of one that was released, the message says why it was held back, with its score.
  const failureMessage = phase === 'failed' ? parent.failureMessage : '';
  const score = parent.score?.feedback ?? '';
  const { solution, log } = artifacts;
  return [{ candidateId: id, operator, solution, log, score, runSeconds, note, failureReason, failureMessage }];
}

function notesFor(state: State, attempt: Attempt): BriefNote[] {
  const run = state.runs.get(attempt.runId);
  if (run === undefined) return [];
  const generations = ancestors(state, attempt);
  const chosen = new Set<AttemptId>(generations.keys());
  for (const candidate of top(run.population, mostBest)) chosen.add(candidate.id);
  for (const id of run.attempts.slice(-2 * mostNotes).reverse()) {
    if (chosen.size >= mostNotes) break;
    chosen.add(id);
  }
  chosen.delete(attempt.id);
  const notes: BriefNote[] = [];
  let room = mostNoteCharacters;
  for (const id of chosen) {
    const other = state.attempts.get(id);
    const full = other === undefined ? '' : noteOf(other);
    if (other?.endedAt === undefined || full === '') continue;
    const text = full.slice(0, Math.min(longestNote, room));
    if (text === '') break;
    room -= text.length;
    const { operator, runSeconds } = other;
    const generation = generations.get(id) ?? 0;
    notes.push({ candidateId: id, score: result(other), text, generation, operator, runSeconds });
  }
  return notes;
}

/** A repeat is told as such, so that nobody repeats it once more. */
function noteOf({ duplicate, note }: Attempt): string {
  if (duplicate === undefined) return note;
  const what = duplicate.by === 'code' ? 'The same program as' : 'The same predictions as';
  return `${what} ${duplicate.of}, so it counted for nothing: do something else. ${note}`.trim();
}

/** How many generations back each ancestor is, the nearest ones first. */
function ancestors(state: State, attempt: Attempt): Map<AttemptId, number> {
  const found = new Map<AttemptId, number>(attempt.parents.map((id) => [id, 1]));
  for (const [id, generation] of found) {
    for (const parent of state.attempts.get(id)?.parents ?? []) {
      if (found.size >= mostAncestors) return found;
      if (!found.has(parent)) found.set(parent, generation + 1);
    }
  }
  return found;
}

function result(attempt: Attempt): string {
  return attempt.phase === 'scored' ? (attempt.score?.feedback ?? '') : (attempt.failureReason ?? attempt.phase);
}
