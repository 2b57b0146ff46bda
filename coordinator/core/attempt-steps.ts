// What attempt events do to the state; the chart is in state.ts.
//
// Invariants: 1. An attempt is in exactly one of its run's waiting, inFlight and evaluating, or has ended. 2. It is on a
// host's list exactly while it is leased or running. 3. Whatever ends an attempt goes through `conclude`, and only once.

import { attemptId } from '../../shared/core/ids.ts';
import type { FailureReason, Usage } from '../../shared/core/vocabulary.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import type { Command } from './command.ts';
import { type Duplicated, noteRepeat, noteScored, twinOf } from './duplicates.ts';
import type { AttemptEnded, AttemptEvent, AttemptPlanned } from './event.ts';
import { insert, removeRanked } from './population.ts';
import { place } from './schedule.ts';
import { sealCommand } from './sealing.ts';
import { isRepairable, pairKey } from './search.ts';
import type { Attempt, Run, State } from './state.ts';
import { isLeased } from './state.ts';
import { pinnedName } from './task.ts';

type Of<Kind extends AttemptEvent['kind']> = Extract<AttemptEvent, { kind: Kind }>;

/** Leases that one attempt may use: the first and three more, each on another slot where there is one. */
const mostTries = 4;
/** Failures in a row, no fault of a solution, that a run takes without slowing down. */
const freeSetbacks = 3;
/** Longest pause between plans of a run whose attempts cannot run; short enough to go on soon after a repair. */
const longestSetbackMs = 60_000;

const hostFailures: ReadonlySet<FailureReason> = new Set(['infrastructure', 'leaseLost', 'cancelled']);
const setbackReasons: ReadonlySet<FailureReason> = new Set(['infrastructure', 'leaseLost', 'modelUnavailable']);

export function plan(state: State, event: AttemptPlanned, at: number): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  const { attemptId: id, runId, number, operator, parents, seed } = event;
  const draftNumber = operator === 'draft' ? run.draftsPlanned + 1 : 0;
  const about = { id, runId, number, operator, parents, seed, draftNumber, plannedAt: at };
  state.attempts.set(id, { ...blankAttempt, ...about, ...siblingOf(state, event) });
  run.rng = event.rng;
  run.attempts.push(id);
  run.waiting.push(id);
  if (operator === 'draft') run.draftsPlanned += 1;
  if (operator === 'crossover') run.openPairs.add(pairKey(parents));
  for (const parentId of operator === 'repair' ? parents : []) {
    const parent = state.attempts.get(parentId);
    if (parent !== undefined) parent.repairPlanned = true;
    remove(run.repairable, parentId);
  }
  return [];
}

/** A mutation's place among those of its parent, which is counted there. */
function siblingOf(state: State, { operator, parents }: AttemptPlanned): { readonly siblingNumber?: number } {
  const parent = operator === 'mutate' ? state.attempts.get(parents[0] ?? attemptId('none')) : undefined;
  if (parent === undefined) return {};
  parent.mutations = (parent.mutations ?? 0) + 1;
  return { siblingNumber: parent.mutations };
}

/** An attempt of which nothing is known yet. */
export const blankAttempt = {
  phase: 'planned',
  epoch: 0,
  host: undefined,
  slotId: undefined,
  tries: 0,
  notBeforeMs: 0,
  startedAt: undefined,
  endedAt: undefined,
  artifacts: {},
  codeDigest: undefined,
  duplicate: undefined,
  usage: noUsage,
  runSeconds: 0,
  note: '',
  score: undefined,
  failureReason: undefined,
  failureMessage: '',
  wasBest: false,
  repairPlanned: false,
} as const;

export function lease(state: State, event: Of<'attemptLeased'>): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run === undefined || attempt === undefined) return [];
  const { runId, attemptId, epoch, host, slotId } = event;
  state.epoch = epoch;
  attempt.phase = 'leased';
  attempt.epoch = epoch;
  attempt.host = host;
  attempt.slotId = slotId;
  attempt.tries += 1;
  attempt.startedAt = undefined;
  remove(run.waiting, attemptId);
  run.inFlight.add(attemptId);
  state.hosts.get(host)?.attempts.add(attemptId);
  changeLoad(state, attempt, 1);
  return [{ kind: 'startAttempt', runId, attemptId, epoch, host, slotId }];
}

export function start(state: State, event: Of<'attemptStarted'>, at: number): Command[] {
  const attempt = state.attempts.get(event.attemptId);
  if (attempt === undefined) return [];
  attempt.phase = 'running';
  attempt.startedAt = at;
  return [];
}

export function endAttempt(state: State, event: AttemptEnded, at: number): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run === undefined || attempt === undefined) return [];
  attempt.artifacts = event.artifacts;
  attempt.codeDigest = event.codeDigest;
  attempt.runSeconds = event.runSeconds;
  attempt.note = event.note;
  attempt.usage = addUsage(attempt.usage, event.usage);
  run.usage = addUsage(run.usage, event.usage);
  release(state, run, attempt);
  const reason = event.failureReason ?? (event.artifacts.submission === undefined ? 'noSubmission' : undefined);
  const commands: Command[] = event.accountClosed === true ? [] : [closeAccount(attempt)];
  if (reason !== undefined) {
    const message = event.failureMessage ?? '';
    if (hostFailures.has(reason) && requeue(state, run, attempt, event.drained)) return commands;
    fail(state, run, attempt, at, reason, message);
    return [...commands, ...sealCommand(run)];
  }
  attempt.phase = 'evaluating';
  run.evaluating.add(attempt.id);
  if (twinOf(run, attempt) !== undefined) noteRepeat(run, attempt.id);
  return [...commands, ...evaluateCommand(run, attempt)];
}

/** The command that has a finished attempt scored. */
export function evaluateCommand(run: Run, attempt: Attempt): Command[] {
  const { runId, id: attemptId, epoch } = attempt;
  const { submission } = attempt.artifacts;
  if (submission === undefined) return [];
  if (attempt.operator === 'refit') {
    const [candidateId = attemptId] = attempt.parents;
    return [{ kind: 'submitRefit', runId, attemptId, epoch, candidateId, submission }];
  }
  return [{ kind: 'evaluate', runId, attemptId, epoch, task: pinnedName(run.task), submission }];
}

export function loseAttempt(state: State, event: Of<'attemptLost'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run === undefined || attempt === undefined) return [];
  release(state, run, attempt);
  const commands: Command[] = [closeAccount(attempt)];
  if (requeue(state, run, attempt, event.drained)) return commands;
  const over = run.phase === 'sealing' || run.spentBudget !== undefined;
  fail(state, run, attempt, at, over ? 'cancelled' : 'infrastructure', event.message);
  return [...commands, ...sealCommand(run)];
}

export function score(state: State, event: Of<'candidateScored'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run === undefined || attempt === undefined) return [];
  run.evaluating.delete(attempt.id);
  attempt.score = event.score;
  run.setbacks = 0;
  if (event.score.quarantined) {
    conclude(run, attempt, at, { phase: 'quarantined', message: event.score.quarantineReason });
  } else {
    const { id, number } = attempt;
    attempt.wasBest = insert(run.population, { id, number, value: event.score.value });
    conclude(run, attempt, at, { phase: 'scored' });
    noteScored(run, attempt);
  }
  return sealCommand(run);
}

export function refuse(state: State, event: Of<'candidateRefused'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run === undefined || attempt === undefined) return [];
  run.evaluating.delete(attempt.id);
  fail(state, run, attempt, at, event.failureReason, event.message);
  return sealCommand(run);
}

/** Writes an attempt off wherever it stands, and has its host told. */
export function drop(state: State, run: Run, attempt: Attempt, at: number, message: string): Command[] {
  const { runId, id: attemptId, epoch, host } = attempt;
  const wasLeased = isLeased(attempt);
  if (wasLeased) release(state, run, attempt);
  run.evaluating.delete(attemptId);
  conclude(run, attempt, at, { phase: 'failed', reason: 'cancelled', message });
  if (!wasLeased || host === undefined) return [];
  return [{ kind: 'cancelAttempt', runId, attemptId, epoch, host, reason: message }, closeAccount(attempt)];
}

export function markDuplicate(state: State, event: Duplicated, at: number): Command[] {
  const run = state.runs.get(event.runId);
  const attempt = state.attempts.get(event.attemptId);
  if (run === undefined || attempt === undefined) return [];
  attempt.duplicate = { of: event.duplicateOf, by: event.by };
  attempt.wasBest = false;
  run.duplicates += 1;
  remove(run.repeats, attempt.id);
  if (attempt.phase === 'scored') {
    removeRanked(run.population, attempt.id);
    return sealCommand(run);
  }
  run.evaluating.delete(attempt.id);
  attempt.score = state.attempts.get(event.duplicateOf)?.score;
  run.setbacks = 0;
  conclude(run, attempt, at, { phase: 'scored' });
  return sealCommand(run);
}

/** How an attempt ends. */
export type Conclusion =
  | { readonly phase: 'scored' }
  | { readonly phase: 'quarantined'; readonly message: string }
  | { readonly phase: 'failed'; readonly reason: FailureReason; readonly message: string };

/** Ends an attempt that holds neither a lease nor the evaluator any more. */
export function conclude(run: Run, attempt: Attempt, at: number, conclusion: Conclusion): void {
  attempt.phase = conclusion.phase;
  attempt.endedAt = at;
  remove(run.waiting, attempt.id);
  if (conclusion.phase !== 'scored') remove(run.repeats, attempt.id);
  if (attempt.operator === 'crossover') run.openPairs.delete(pairKey(attempt.parents));
  if (conclusion.phase === 'quarantined') run.quarantined += 1;
  if (conclusion.phase !== 'scored') attempt.failureMessage = conclusion.message;
  if (conclusion.phase !== 'failed') return;
  run.failed += 1;
  attempt.failureReason = conclusion.reason;
  if (run.options.repair && isRepairable(attempt.operator, conclusion.reason)) run.repairable.push(attempt.id);
}

function fail(state: State, run: Run, attempt: Attempt, at: number, reason: FailureReason, message: string): void {
  conclude(run, attempt, at, { phase: 'failed', reason, message });
  run.setbacks = setbackReasons.has(reason) ? run.setbacks + 1 : 0;
  if (run.setbacks > freeSetbacks) {
    const exponent = Math.min(run.setbacks - freeSetbacks, 10);
    run.notBeforeMs = state.clockMs + Math.min(longestSetbackMs, 500 * 2 ** exponent);
  }
}

/** Has an attempt wait for another lease; false where it may not. The first time it need not wait. */
function requeue(state: State, run: Run, attempt: Attempt, drained = false): boolean {
  if (drained) attempt.tries -= 1;
  // A refit asks no model, so a budget of the model does not end it.
  const over = run.spentBudget !== undefined && attempt.operator !== 'refit';
  if (run.phase === 'sealing' || run.refit?.cancelled === true || over || attempt.tries >= mostTries) return false;
  attempt.phase = 'planned';
  attempt.notBeforeMs = state.clockMs + (attempt.tries <= 1 ? 0 : 1000 * 2 ** attempt.tries);
  run.waiting.push(attempt.id);
  return true;
}

/** Takes an attempt off its slot. */
function release(state: State, run: Run, attempt: Attempt): void {
  run.inFlight.delete(attempt.id);
  if (attempt.host === undefined) return;
  changeLoad(state, attempt, -1);
  const host = state.hosts.get(attempt.host);
  host?.attempts.delete(attempt.id);
  if (host?.attempts.size === 0) state.lostHosts.delete(attempt.host);
}

function changeLoad(state: State, attempt: Attempt, by: number): void {
  const host = attempt.host === undefined ? undefined : state.hosts.get(attempt.host);
  const slot = attempt.slotId === undefined ? undefined : host?.slots.get(attempt.slotId);
  if (host === undefined || slot === undefined) return;
  slot.load += by;
  place(state.freeSlots, host, slot);
}

function closeAccount(attempt: Attempt): Command {
  return { kind: 'closeAccount', runId: attempt.runId, attemptId: attempt.id, epoch: attempt.epoch };
}

/** Sums, and the larger of two peaks. */
function addUsage(left: Usage, right: Usage): Usage {
  return {
    wallSeconds: left.wallSeconds + right.wallSeconds,
    peakMemoryBytes: Math.max(left.peakMemoryBytes, right.peakMemoryBytes),
    cpuSeconds: left.cpuSeconds + right.cpuSeconds,
    slotSeconds: left.slotSeconds + right.slotSeconds,
    turns: left.turns + right.turns,
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    dollars: left.dollars + right.dollars,
  };
}

function remove<Item>(items: Item[], item: Item): void {
  const index = items.indexOf(item);
  if (index >= 0) items.splice(index, 1);
}
