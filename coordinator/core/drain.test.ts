import { expect, test } from 'vitest';
import { hostName } from '../../shared/core/ids.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { audit } from './audit.ts';
import { nextWakeMs } from './budget.ts';
import { attemptOf, createRun, end, joinHost, leased, newMachine } from './machine.test-support.ts';
import { outstanding } from './outstanding.ts';

const alpha = hostName('alpha');
const start = { kind: 'hostDrainStarted', host: alpha, reason: 'new disk', by: 'ann', deadlineMs: 60_000 } as const;

function draining() {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine);
  machine.take(start);
  return machine;
}

test('a draining host gets nothing new, and what runs there goes on until the deadline', () => {
  const machine = draining();
  expect(leased(machine)).toHaveLength(2);
  end(machine, attemptOf(machine, 1), 'crash');
  expect(leased(machine)).toHaveLength(1);
  expect(nextWakeMs(machine.state)).toBeLessThanOrEqual(machine.state.clockMs + 60_000);
  expect(machine.take({ kind: 'clockTicked' }, 30_000)).toEqual([]);
  expect(machine.state.hosts.get(alpha)).toMatchObject({ reason: 'new disk', by: 'ann' });
  expect(audit(machine.state)).toEqual([]);
});

test('at the deadline what still runs is stopped, also by a coordinator that was restarted, and runs elsewhere', () => {
  const machine = draining();
  const commands = machine.take({ kind: 'clockTicked' }, 60_000);
  expect(commands.map(({ kind }) => kind)).toEqual(['cancelAttempt', 'cancelAttempt']);
  expect(outstanding(machine.state)).toEqual(commands);
  const [stopped] = leased(machine);
  if (stopped === undefined) throw new Error('nothing runs');
  const epoch = stopped.epoch;
  end(machine, stopped, 'cancelled');
  expect(stopped.phase).toBe('planned');
  joinHost(machine, 'beta', 1);
  expect(stopped).toMatchObject({ phase: 'leased', host: 'beta' });
  expect(stopped.epoch).toBeGreaterThan(epoch);
  expect(audit(machine.state)).toEqual([]);
});

test('a drain that is under way ends sooner where that is asked for, and not later', () => {
  const machine = draining();
  machine.take({ ...start, deadlineMs: 90_000, reason: 'later' });
  expect(machine.state.hosts.get(alpha)?.reason).toBe('new disk');
  const due = machine.state.hosts.get(alpha)?.drain?.dueMs;
  machine.take({ ...start, deadlineMs: 59_000 }, 9000);
  expect(machine.state.hosts.get(alpha)?.drain?.dueMs).toBe(due);
  machine.take({ ...start, deadlineMs: 20_000, reason: 'it burns' }, 1000);
  expect(machine.state.hosts.get(alpha)).toMatchObject({ reason: 'it burns', drain: { due: false } });
  machine.take({ kind: 'clockTicked' }, 19_000);
  expect(machine.state.hosts.get(alpha)?.drain?.due).toBe(false);
  machine.take({ kind: 'clockTicked' }, 2000);
  expect(machine.state.hosts.get(alpha)?.drain?.due).toBe(true);
});

test('uncordon ends a drain', () => {
  const machine = draining();
  machine.take({ kind: 'hostUncordoned', host: alpha });
  end(machine, attemptOf(machine, 1), 'crash');
  expect(leased(machine)).toHaveLength(2);
  expect(machine.take({ kind: 'clockTicked' }, 120_000)).toEqual([]);
  expect(audit(machine.state)).toEqual([]);
});

const nothing = { artifacts: {}, usage: noUsage, runSeconds: 0, note: '' };

test('however many hosts are drained under an attempt, it goes on elsewhere: a drain is not its doing', () => {
  const machine = draining();
  const attempt = attemptOf(machine, 1);
  for (let round = 0; round < 6; round += 1) {
    const host = attempt.host;
    if (host === undefined) throw new Error('it runs nowhere');
    machine.take({ ...start, host });
    machine.take({ kind: 'clockTicked' }, 60_000);
    const { runId, id, epoch } = attempt;
    const about = { runId, attemptId: id, epoch, host, drained: true } as const;
    if (round % 2 === 0) machine.take({ kind: 'attemptLost', ...about, message: 'drained' });
    else machine.take({ kind: 'attemptEnded', ...about, failureReason: 'cancelled', ...nothing });
    expect(attempt, `round ${round}`).toMatchObject({ phase: 'planned' });
    joinHost(machine, `host-${round}`, 1);
    machine.take({ kind: 'clockTicked' }, 60_000);
  }
  expect(attempt).toMatchObject({ phase: 'leased', tries: 1 });
});

test('machines that are switched off under an attempt cost it no try, and those that die do', () => {
  const machine = newMachine();
  createRun(machine);
  joinHost(machine, 'h0', 1);
  const [first] = leased(machine);
  if (first === undefined) throw new Error('nothing runs');
  for (let round = 0; round < 8; round += 1) {
    const host = hostName(`h${round}`);
    const description = machine.state.hosts.get(host)?.description;
    if (description === undefined) throw new Error('no host');
    machine.take({ kind: 'hostChanged', host, description: { ...description, draining: true } });
    machine.take({ kind: 'hostLost', host, reason: 'no answer' });
    joinHost(machine, `h${round + 1}`, 1);
    expect(first).toMatchObject({ phase: 'leased', host: `h${round + 1}`, tries: 1 });
  }
  machine.take({ kind: 'hostLost', host: hostName('h8'), reason: 'no answer' });
  joinHost(machine, 'h9', 1);
  expect(first).toMatchObject({ phase: 'leased', tries: 2 });
  expect(audit(machine.state)).toEqual([]);
});
