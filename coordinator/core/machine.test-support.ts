// The machine with its clock, for tests: events go in as from the shell, decisions are taken as the shell takes them.

import { attemptId, type Digest, digest, hostName, runId, slotId } from '../../shared/core/ids.ts';
import type { FailureReason } from '../../shared/core/vocabulary.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { admits } from './admission.ts';
import type { Command } from './command.ts';
import { decide } from './decide.ts';
import type { Event, StampedEvent } from './event.ts';
import { defaultOptions, type RunOptions } from './options.ts';
import { itemsOf } from './ordered-list.ts';
import type { Ranked } from './population.ts';
import type { Attempt, HostDescription, Run, State } from './state.ts';
import { newState } from './state.ts';
import { step } from './step.ts';
import type { Limits, Task } from './task.ts';

const someDigest = digest('ab'.repeat(32));

export const limits: Limits = {
  executionSeconds: 60,
  toolSeconds: 30,
  trajectorySeconds: 300,
  turns: 20,
  memoryBytes: 2 ** 30,
  cpus: 1,
  diskBytes: 2 ** 30,
  pids: 64,
  tokens: 0,
};

export const task: Task = {
  name: 'digits',
  version: 'v1',
  title: 'Digits',
  metric: 'log-loss',
  lowerIsBetter: true,
  idColumn: 'id',
  predictionColumns: ['a', 'b'],
  targetColumn: 'target',
  bundleDigest: someDigest,
  bundleBytes: 1,
  description: 'Which digit?',
  source: '',
  licence: '',
  trainRows: 10,
  testRows: 10,
  refit: false,
  splitStrategy: 'stratified',
};

export interface Machine {
  readonly state: State;
  readonly journal: StampedEvent[];
  readonly commands: Command[];
  /** Applies an event and every decision that follows. */
  readonly take: (event: Event, advanceMs?: number) => Command[];
}

export function newMachine(): Machine {
  const state = newState();
  const journal: StampedEvent[] = [];
  const commands: Command[] = [];
  let clockMs = 0;
  const apply = (event: Event): void => {
    const stamped = { ...event, sequence: journal.length + 1, at: 1_700_000_000_000 + clockMs, clockMs };
    journal.push(stamped);
    commands.push(...step(state, stamped));
  };
  const take = (event: Event, advanceMs = 1): Command[] => {
    clockMs += advanceMs;
    const before = commands.length;
    if (!admits(state, event)) return [];
    apply(event);
    for (let next = decide(state); next !== undefined; next = decide(state)) {
      if (!admits(state, next)) throw new Error(`decided on what is not admitted: ${JSON.stringify(next)}`);
      apply(next);
    }
    return commands.slice(before);
  };
  return { state, journal, commands, take };
}

export function description(slots: number, capacity = 1): HostDescription {
  return {
    address: '127.0.0.1:1',
    bootId: 'boot',
    version: '0.1.0',
    draining: false,
    slots: Array.from({ length: slots }, (_, index) => ({
      slotId: slotId(`cpu-${index}`),
      kind: 'cpu',
      deviceName: '',
      deviceMemoryBytes: 0,
      capacity,
      health: 'healthy',
      healthReason: '',
    })),
  };
}

export function joinHost(machine: Machine, host = 'alpha', slots = 2, capacity = 1): void {
  machine.take({ kind: 'hostJoined', host: hostName(host), description: description(slots, capacity) });
}

export function createRun(machine: Machine, options: Partial<RunOptions> = {}, id = 'digits-aaaaaa'): void {
  machine.take({
    kind: 'runCreated',
    runId: runId(id),
    requestId: id,
    task,
    options: { ...defaultOptions, limits, ...options },
  });
}

export function attemptOf(machine: Machine, number: number, run = 'digits-aaaaaa'): Attempt {
  const found = machine.state.attempts.get(attemptId(`${run}-${String(number).padStart(4, '0')}`));
  if (found === undefined) throw new Error(`no attempt ${number}`);
  return found;
}

/** A digest that no other attempt has. */
export function digestOf(attempt: Attempt, kind = 0): Digest {
  return digest((attempt.number * 16 + kind).toString(16).padStart(64, '0'));
}

interface Product {
  readonly submission?: Digest;
  readonly codeDigest?: Digest;
}

export function end(
  machine: Machine,
  attempt: Attempt,
  failureReason?: FailureReason,
  usage = noUsage,
  { submission = digestOf(attempt), codeDigest }: Product = {},
): Command[] {
  const { runId: run, id, epoch, host } = attempt;
  if (host === undefined) throw new Error('the attempt has no host');
  return machine.take({
    kind: 'attemptEnded',
    runId: run,
    attemptId: id,
    epoch,
    host,
    failureReason,
    failureMessage: failureReason === undefined ? undefined : 'it failed',
    artifacts: { solution: someDigest, ...(failureReason === undefined ? { submission } : {}) },
    codeDigest,
    usage,
    runSeconds: 1,
    note: `note of ${id}`,
  });
}

export function scored(machine: Machine, attempt: Attempt, value: number, quarantined = false): Command[] {
  const { runId: run, id, epoch } = attempt;
  const score = {
    value,
    standardError: 0.01,
    feedback: `about ${value.toFixed(1)}`,
    quarantined,
    quarantineReason: '',
  };
  return machine.take({ kind: 'candidateScored', runId: run, attemptId: id, epoch, score });
}

/** Every attempt under a lease, oldest first. */
export function leased(machine: Machine): Attempt[] {
  return [...machine.state.attempts.values()].filter(
    (attempt) => attempt.phase === 'leased' || attempt.phase === 'running',
  );
}

/** A run's scored candidates, from worst to best; none of a run that is not there. */
export function rankedOf(run: Run | undefined): Ranked[] {
  return run === undefined ? [] : itemsOf(run.population.ranked);
}

/** Lets attempt after attempt end and be scored, until so many more events are in the journal. */
export function runOn(machine: Machine, events: number): void {
  const until = machine.journal.length + events;
  const [run] = machine.state.runs.values();
  while (machine.journal.length < until) {
    const [oldest] = run?.inFlight ?? [];
    const attempt = oldest === undefined ? undefined : machine.state.attempts.get(oldest);
    if (attempt === undefined) throw new Error('nothing runs');
    end(machine, attempt, attempt.number % 9 === 8 ? 'gaveUp' : undefined);
    const value = ((attempt.number * 16_807) % 65_537) / 65_537;
    if (attempt.phase === 'evaluating') scored(machine, attempt, value);
  }
}
