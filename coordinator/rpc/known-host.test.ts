import { expect, test } from 'vitest';
import { hostName } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { createRun, description, joinHost, leased, limits, newMachine } from '../core/machine.test-support.ts';
import { refuseImpossibleLimits } from './known-host.ts';

const gibibyte = 2 ** 30;

/** A fleet of hosts by the largest sandbox that each allows; undefined tells nothing. */
function fleet(hosts: Readonly<Record<string, { cpus: number; memoryBytes: number } | undefined>>) {
  const machine = newMachine();
  for (const [name, largestSandbox] of Object.entries(hosts)) {
    const told = { ...description(2), ...(largestSandbox && { largestSandbox }) };
    machine.take({ kind: 'hostJoined', host: hostName(name), description: told });
  }
  return machine;
}

function refusal(machine: ReturnType<typeof fleet>, cpus: number, gibibytes: number): RpcFault | undefined {
  try {
    refuseImpossibleLimits(machine.state, { cpus, memoryBytes: gibibytes * gibibyte });
    return undefined;
  } catch (error) {
    if (error instanceof RpcFault) return error;
    throw error;
  }
}

const two = fleet({
  alpha: { cpus: 2, memoryBytes: 64 * gibibyte },
  beta: { cpus: 8, memoryBytes: 16 * gibibyte },
});

test('what no host allows is refused with the limit, the most that there is, and where', () => {
  expect(refusal(two, 100, 1)).toMatchObject({
    code: 'invalidArgument',
    reason: 'noSuchHost',
    message: expect.stringContaining('options.limits.cpus is 100 processors'),
    violations: [
      {
        field: 'options.limits.cpus',
        description: 'is 100 processors; the most that a host offers is 8 processors, on beta',
      },
    ],
  });
  expect(refusal(two, 1, 999)?.violations).toEqual([
    {
      field: 'options.limits.memory_bytes',
      description: 'is 999 GiB of memory; the most that a host offers is 64 GiB of memory, on alpha',
    },
  ]);
  expect(refusal(two, 100, 999)?.violations).toHaveLength(2);
  expect(refusal(two, 4, 32)?.message).toBe('no host allows 4 processors and 32 GiB of memory in one sandbox');
});

test('what one host allows, one that tells nothing might allow, or nobody can judge is not refused', () => {
  expect(refusal(two, 8, 16)).toBeUndefined();
  expect(refusal(fleet({ alpha: { cpus: 2, memoryBytes: gibibyte }, old: undefined }), 100, 999)).toBeUndefined();
  expect(refusal(newMachine(), 100, 999)).toBeUndefined();
  const away = fleet({ alpha: { cpus: 100, memoryBytes: 999 * gibibyte } });
  away.take({ kind: 'hostLost', host: hostName('alpha'), reason: 'no power' });
  expect(refusal(away, 100, 999)).toBeUndefined();
});

test('attempts go to hosts that allow their sandboxes, and a run that waits for one keeps nobody else from working', () => {
  const machine = fleet({ small: { cpus: 2, memoryBytes: 64 * gibibyte } });
  const large = { limits: { ...limits, cpus: 4 } };
  createRun(machine, large, 'digits-aaaaaa');
  expect([leased(machine).length, machine.state.attempts.size]).toEqual([0, 0]);
  createRun(machine, {}, 'digits-bbbbbb');
  expect(leased(machine).map(({ runId }) => runId)).toEqual(['digits-bbbbbb', 'digits-bbbbbb']);
  const told = { ...description(1), largestSandbox: { cpus: 4, memoryBytes: 64 * gibibyte } };
  machine.take({ kind: 'hostJoined', host: hostName('large'), description: told });
  expect(
    leased(machine)
      .filter(({ runId }) => runId === 'digits-aaaaaa')
      .map(({ host }) => host),
  ).toEqual(['large']);
});

test('a host of an earlier version gets every run, as before', () => {
  const machine = newMachine();
  joinHost(machine, 'old', 1);
  createRun(machine, { limits: { ...limits, cpus: 100 } });
  expect(leased(machine)).toHaveLength(1);
});
