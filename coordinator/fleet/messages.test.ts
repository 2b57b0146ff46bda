// What a host may put into the journal: texts and figures of a hostile one are bounded, those of an honest one stay as they are.

import { expect, test } from 'vitest';
import { type Heartbeat, heartbeatSchema, type ResultEvent } from '../../shared/bus/messages.ts';
import { noUsage, type Usage } from '../../shared/core/vocabulary.ts';
import { createRun, joinHost, leased, newMachine } from '../core/machine.test-support.ts';
import { descriptionOfHeartbeat, eventOfResult } from './messages.ts';

const limits = {
  ...{ executionSeconds: 600, toolSeconds: 60, trajectorySeconds: 1800, turns: 30, memoryBytes: 2 ** 30, cpus: 1 },
  ...{ diskBytes: 2 ** 30, pids: 100, tokens: 50_000 },
};
const huge = Number.MAX_VALUE;
const lie: Usage = {
  ...{ wallSeconds: huge, peakMemoryBytes: huge, cpuSeconds: huge, slotSeconds: huge, dollars: huge },
  ...{ turns: Number.MAX_SAFE_INTEGER, inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.MAX_SAFE_INTEGER },
};

function ended(attempt: { runId: string; id: string; epoch: number }, usage: Usage): ResultEvent {
  return {
    ...{ v: 1, host: 'alpha', bootId: 'boot', seq: 1, kind: 'attemptEnded' },
    ...{ runId: attempt.runId, attemptId: attempt.id, epoch: attempt.epoch },
    body: { artifacts: { submission: 'f'.repeat(64) }, usage, runSeconds: usage.wallSeconds, note: '' },
  };
}

function usageTold(usage: Usage): Usage {
  const event = eventOfResult(ended({ runId: 'r', id: 'a', epoch: 1 }, usage), limits);
  if (event.kind !== 'attemptEnded') throw new Error(event.kind);
  return event.usage;
}

test('an attempt is not said to have used more than it could: one lie would end the budget of a whole run', () => {
  const { slotSeconds, outputTokens, dollars } = usageTold(lie);
  expect(slotSeconds).toBeLessThanOrEqual(3 * (limits.trajectorySeconds + limits.executionSeconds));
  expect(outputTokens).toBeLessThanOrEqual(3 * limits.tokens);
  expect(dollars).toBeLessThanOrEqual(10_000);
  // Positive control: an attempt that used all of its limits.
  const honest = { ...noUsage, wallSeconds: 2400, slotSeconds: 2400, cpuSeconds: 9600, outputTokens: 58_000 };
  const dear = { ...honest, dollars: 40, turns: 30, inputTokens: 3_000_000, peakMemoryBytes: 2 ** 33 };
  expect(usageTold(dear)).toEqual(dear);
});

test('sums of what hosts tell stay numbers, so that a snapshot of them reads back as it was', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 3);
  createRun(machine, { candidates: 60 });
  for (const attempt of leased(machine)) machine.take(eventOfResult(ended(attempt, lie), limits));
  const [run] = machine.state.runs.values();
  expect(run?.usage.turns).toBeGreaterThan(0);
  expect(JSON.parse(JSON.stringify(run?.usage))).toEqual(run?.usage);
});

test('texts of a heartbeat have a bound each, and short ones stay', () => {
  const slot: Heartbeat['slots'][number] = {
    ...{ slotId: 'cpu-0', kind: 'cpu', deviceMemoryBytes: 0, capacity: 1, health: 'warning', attempts: [] },
    ...{ deviceName: 'd'.repeat(2 ** 20), healthReason: 'r'.repeat(2 ** 20) },
  };
  const beat: Heartbeat = {
    ...{ v: 1, host: 'alpha', bootId: 'boot', seq: 1, address: 'a'.repeat(2 ** 20), version: 'v'.repeat(2 ** 20) },
    ...{ draining: false, slots: [slot], outboxEvents: 0 },
  };
  expect(JSON.stringify(descriptionOfHeartbeat(beat)).length).toBeLessThan(2048);
  expect(descriptionOfHeartbeat(beat)).not.toHaveProperty('largestSandbox');
  const short = {
    ...beat,
    largestSandbox: { cpus: 2, memoryBytes: 2 ** 33 },
    address: 'alpha.lan:7442',
    version: '1.0.0',
    slots: [{ ...slot, deviceName: 'A100', healthReason: '' }],
  };
  expect(descriptionOfHeartbeat(heartbeatSchema.parse(short))).toMatchObject({
    largestSandbox: { cpus: 2, memoryBytes: 2 ** 33 },
    ...{ address: 'alpha.lan:7442', version: '1.0.0' },
    slots: [{ deviceName: 'A100', healthReason: '' }],
  });
});
