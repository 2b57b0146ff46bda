import { expect, test } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { Command } from '../core/command.ts';
import type { Event } from '../core/event.ts';
import { attemptOf, createRun, end, joinHost, newMachine } from '../core/machine.test-support.ts';
import type { Evaluation } from '../rpc/evaluator.ts';
import type { ExecutorOptions } from './executors/persist.ts';
import { newExecutors } from './executors.ts';

const score = { value: 0.5, standardError: 0.1, feedback: '', quarantined: false, quarantineReason: '' };

/** A finished attempt whose program cannot be read so many times. */
function evaluating(failures: number, evaluation: Evaluation = { kind: 'score', score }) {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine);
  const attempt = attemptOf(machine, 1);
  const [command] = end(machine, attempt).filter(
    (one): one is Extract<Command, { kind: 'evaluate' }> => one.kind === 'evaluate',
  );
  if (command === undefined) throw new Error('nothing to evaluate');
  let reads = 0;
  const reported: Event[] = [];
  const options = {
    actor: {
      state: machine.state,
      async report(event: Event) {
        reported.push(event);
        machine.take(event);
        return await Promise.resolve(true);
      },
    },
    evaluator: { evaluate: async () => await Promise.resolve(evaluation) },
    artifacts: {
      size: async () => await Promise.resolve(10),
      async *stream(digest: string) {
        // The program, which only the examination reads.
        if (digest === attempt.artifacts.solution) reads += 1;
        if (digest === attempt.artifacts.solution && reads <= failures) throw new Error('EMFILE');
        yield Buffer.from(await Promise.resolve('print(1)\n'));
      },
    },
    clock: { monotonicMs: () => 0, now: () => new Date(0), after: (_: number, fn: () => void) => later(fn) },
    ...{ fleet: {}, gateway: {}, leaseTtlMs: 10_000, log: silentLogger, random: () => 0 },
  } as unknown as ExecutorOptions;
  const run = () => newExecutors(options).evaluate(command, new AbortController().signal);
  return { machine, attempt, run, reported };
}

function later(fn: () => void): { cancel(): void } {
  const immediate = setImmediate(fn);
  return { cancel: () => clearImmediate(immediate) };
}

test('a score whose candidate could not be examined for a moment is examined again', async () => {
  const { run, reported } = evaluating(3);
  await run();
  expect(reported).toMatchObject([{ kind: 'candidateScored', score: { value: 0.5 } }]);
});

test('a candidate that cannot be examined at all ends, so that its run does', async () => {
  const { attempt, run, reported } = evaluating(1000);
  await run();
  expect(reported).toMatchObject([{ kind: 'candidateRefused', failureReason: 'infrastructure' }]);
  expect(attempt.failureMessage).toBe('it could not be evaluated: EMFILE');
});

test('a run whose scores are used up plans nothing more and is sealed, whatever its other budgets', async () => {
  const message = 'the run has used all of its 5 scores';
  const { machine, attempt, run, reported } = evaluating(0, { kind: 'refusal', message, isBudgetSpent: true });
  await run();
  expect(reported).toMatchObject([
    { kind: 'runBudgetSpent', budget: 'score-queries' },
    { kind: 'candidateRefused', failureReason: 'cancelled', message },
  ]);
  // The next attempt was under way by then, and is not repaired either.
  end(machine, attemptOf(machine, 2), 'crash');
  expect(machine.state.attempts.size).toBe(2);
  expect(machine.state.runs.get(attempt.runId)).toMatchObject({ phase: 'sealing', endReason: 'score-queries' });
});

test.each([
  ['a slot that has failed', 'unusableSlot', 0],
  ['a host that drains', 'draining', 0],
  ['a host without room', 'slotFull', 1],
])('a start that is refused by %s counts as a try only where the attempt was to blame', async (_, reason, tries) => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const attempt = attemptOf(machine, 1);
  const command = machine.commands.find((one) => one.kind === 'startAttempt');
  if (command === undefined) throw new Error('nothing to start');
  const reported: Event[] = [];
  const options = {
    actor: { state: machine.state, report: async (event: Event) => await Promise.resolve(reported.push(event) > 0) },
    fleet: { startAttempt: () => Promise.reject(new RpcFault('failedPrecondition', 'no', { reason })) },
    gateway: { openAttempt: () => Promise.resolve('token') },
    clock: { monotonicMs: () => 0, now: () => new Date(0), after: (__: number, fn: () => void) => later(fn) },
    ...{ evaluator: {}, artifacts: {}, leaseTtlMs: 10_000, log: silentLogger, random: () => 0 },
  } as unknown as ExecutorOptions;
  await newExecutors(options).startAttempt(command, new AbortController().signal);
  const [lost] = reported;
  expect(lost).toMatchObject({ kind: 'attemptLost', message: 'it could not be started on alpha: no' });
  const before = attempt.tries;
  if (lost !== undefined) machine.take(lost);
  // It was leased once for this try, and is leased again at once.
  expect(attempt.tries - before).toBe(tries);
});

test.each([
  ['its host’s disk is full goes elsewhere', 'host', 'attemptLost'],
  ['the gateway’s disk is full waits for it', 'gateway', 'attemptStarted'],
] as const)('a start for which %s', async (_, whose, expected) => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const command = machine.commands.find((one) => one.kind === 'startAttempt');
  if (command === undefined) throw new Error('nothing to start');
  let refusals = 8;
  const full = () => {
    refusals -= 1;
    if (refusals > 0) return Promise.reject(new RpcFault('internal', 'full', { reason: 'diskFull' }));
    return Promise.resolve('token');
  };
  const reported: Event[] = [];
  const options = {
    actor: { state: machine.state, report: async (event: Event) => await Promise.resolve(reported.push(event) > 0) },
    fleet: { startAttempt: whose === 'host' ? full : () => Promise.resolve() },
    gateway: { openAttempt: whose === 'gateway' ? full : () => Promise.resolve('token') },
    clock: { monotonicMs: () => 0, now: () => new Date(0), after: (__: number, fn: () => void) => later(fn) },
    ...{ evaluator: {}, artifacts: {}, leaseTtlMs: 10_000, log: silentLogger, random: () => 0 },
  } as unknown as ExecutorOptions;
  await newExecutors(options).startAttempt(command, new AbortController().signal);
  expect(reported.map(({ kind }) => kind)).toEqual([expected]);
});
