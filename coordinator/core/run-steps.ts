// What run events do to the state.

import { seedRng } from '../../shared/core/rng.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { conclude } from './attempt-steps.ts';
import { elapsedMs } from './budget.ts';
import type { Command } from './command.ts';
import type { RunEvent } from './event.ts';
import { inherit } from './fork.ts';
import { newPopulation } from './population.ts';
import { cancelRefit } from './refit.ts';
import { sealCommand } from './sealing.ts';
import type { Run, State } from './state.ts';

type Of<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>;

export function createRun(state: State, event: Of<'runCreated'>, at: number): Command[] {
  const { runId, requestId, task, options, owner, fork } = event;
  const run: Run = {
    id: runId,
    requestId,
    task,
    ...(owner === undefined ? {} : { owner }),
    forked: fork === undefined ? undefined : { from: fork.from, candidates: fork.candidates.length },
    options,
    createdAt: at,
    rng: seedRng(`${options.seed}`),
    phase: 'running',
    endReason: undefined,
    steering: [],
    spentBudget: undefined,
    sealedAt: undefined,
    killedAt: undefined,
    verdict: undefined,
    refit: undefined,
    finalSubmissionDigest: undefined,
    elapsedMs: 0,
    runningSinceMs: state.clockMs,
    attempts: [],
    waiting: [],
    inFlight: new Set(),
    evaluating: new Set(),
    repairable: [],
    population: newPopulation(task.lowerIsBetter, options.temperature),
    openPairs: new Set(),
    draftsPlanned: 0,
    firstOf: new Map(),
    repeats: [],
    duplicates: 0,
    quarantined: 0,
    failed: 0,
    usage: noUsage,
    setbacks: 0,
    notBeforeMs: 0,
    lastSequence: 0,
  };
  state.runs.set(runId, run);
  state.activeRuns.add(runId);
  state.requests.set(requestId, runId);
  for (const candidate of fork?.candidates ?? []) inherit(state, run, candidate);
  return [];
}

export function extendRun(state: State, event: Of<'runExtended'>): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  run.options = { ...run.options, ...event.budgets };
  return [];
}

export function pauseRun(state: State, event: Of<'runPaused'>): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  stopClock(state, run);
  run.phase = 'paused';
  return [];
}

export function resumeRun(state: State, event: Of<'runResumed'>): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  run.phase = 'running';
  run.runningSinceMs = state.clockMs;
  return [];
}

/** Takes the time up to now into account. */
export function stopClock(state: State, run: Run): void {
  run.elapsedMs = elapsedMs(run, state.clockMs);
  run.runningSinceMs = undefined;
}

export function steerRun(state: State, event: Of<'runSteered'>): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  run.steering.push(event.guidance);
  const hosts = [...run.inFlight].flatMap((attemptId) => state.attempts.get(attemptId)?.host ?? []);
  const number = run.steering.length;
  return [...new Set(hosts)].map((host) => ({ kind: 'tellGuidance', runId: run.id, host, number }));
}

/** No more attempts: those that wait end here, all others go on and count. */
export function spendBudget(state: State, event: Of<'runBudgetSpent'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  run.spentBudget = event.budget;
  endWaiting(state, run, at, `the ${event.budget} budget is used`);
  return [];
}

function endWaiting(state: State, run: Run, at: number, message: string): void {
  for (const attemptId of [...run.waiting]) {
    const attempt = state.attempts.get(attemptId);
    if (attempt !== undefined) conclude(run, attempt, at, { phase: 'failed', reason: 'cancelled', message });
  }
}

/** No more attempts: those that wait end here, those on a host are told to stop, those at the evaluator still count. */
export function startSealing(state: State, event: Of<'runSealing'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  if (run.phase === 'refitting') return cancelRefit(state, run, (reason) => endWaiting(state, run, at, reason));
  stopClock(state, run);
  run.phase = 'sealing';
  run.endReason = event.endReason;
  const reason = event.endReason === 'cancelled' ? 'the run was cancelled' : `the ${event.endReason} budget is used`;
  endWaiting(state, run, at, reason);
  const commands: Command[] = [];
  for (const attemptId of run.inFlight) {
    const attempt = state.attempts.get(attemptId);
    if (attempt?.host === undefined) continue;
    const { runId, epoch, host } = attempt;
    commands.push({ kind: 'cancelAttempt', runId, attemptId, epoch, host, reason });
  }
  return [...commands, ...sealCommand(run)];
}

export function sealRun(state: State, event: Of<'runSealed'>, at: number): Command[] {
  const run = state.runs.get(event.runId);
  if (run === undefined) return [];
  run.phase = 'sealed';
  run.sealedAt = at;
  run.verdict = event.verdict;
  run.finalSubmissionDigest = event.finalSubmissionDigest;
  state.activeRuns.delete(run.id);
  return [];
}
