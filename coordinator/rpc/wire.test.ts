import { expect, test } from 'vitest';
import { hostName } from '../../shared/core/ids.ts';
import { createRun, joinHost, newMachine } from '../core/machine.test-support.ts';
import type { Verdict } from '../core/task.ts';
import { hostToWire, runToWire } from './wire.ts';

test('a figure that does not exist is the same before a restart and after it, and is not 0', () => {
  const machine = newMachine();
  createRun(machine);
  const [run] = machine.state.runs.values();
  if (run === undefined) throw new Error('no run');
  const finalist = { candidateId: 'a', searchScore: 0.5, validationScore: null, validationStandardError: 0 };
  const verdict: Verdict = {
    ...{ runId: run.id, winnerId: 'a', baselineName: 'mean', ledgerHead: '', metric: 'spearman', lowerIsBetter: false },
    ...{ validationRows: 9, hasFinalSubmission: true, finalists: [{ ...finalist, probabilityBest: 1 }] },
    ...{ intervalLow: null, intervalHigh: null, baselineValidationScore: null, baselineSearchScore: 0 },
  };
  const asJournaled: Verdict = JSON.parse(JSON.stringify(verdict));
  for (const told of [verdict, asJournaled]) {
    run.verdict = told;
    expect(runToWire(run, { state: machine.state, clockMs: 0 }, 'brief').verdict).toMatchObject({
      ...{ intervalLow: Number.NaN, intervalHigh: Number.NaN, baselineValidationScore: Number.NaN },
      ...{ baselineSearchScore: 0, finalists: [{ validationScore: Number.NaN }] },
    });
  }
});

test('an operator who looks at a host sees the other daemon that goes by its name, beside what else is to be told', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  const reason = (rival?: string): unknown => {
    const host = machine.state.hosts.get(hostName('alpha'));
    if (host === undefined) throw new Error('no host');
    return hostToWire(machine.state, host, { heartbeatAgeMs: 0, rival }).reason;
  };
  expect(reason()).toBe('');
  expect(reason('10.0.0.2:7442')).toBe('another daemon goes by its name at 10.0.0.2:7442 and is ignored');
  machine.take({ kind: 'hostCordoned', host: hostName('alpha'), reason: 'new disk', by: 'ann' });
  expect(reason('10.0.0.2:7442')).toMatch(/^new disk; another daemon/);
});

test('a host of which every slot is unusable says why, once for all slots', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  const host = machine.state.hosts.get(hostName('alpha'));
  if (host === undefined) throw new Error('no host');
  const told = { health: 'unusable', healthReason: 'its certificate ended' } as const;
  const description = { ...host.description, slots: host.description.slots.map((slot) => ({ ...slot, ...told })) };
  machine.take({ kind: 'hostChanged', host: host.name, description });
  expect(hostToWire(machine.state, host, { heartbeatAgeMs: 0, rival: undefined })).toMatchObject({
    state: 'HOST_STATE_QUARANTINED',
    reason: 'its certificate ended',
    by: 'gpu-agent',
  });
});

test('a host that is quarantined, drains itself or is lost says since when and by whom', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  const name = hostName('alpha');
  const host = machine.state.hosts.get(name);
  if (host === undefined) throw new Error('no host');
  const told = () => {
    const { state, reason, by } = hostToWire(machine.state, host, { heartbeatAgeMs: 0, rival: undefined });
    return [state, reason, by, host.since];
  };
  const change = (changes: Partial<typeof host.description>): void => {
    machine.take({ kind: 'hostChanged', host: name, description: { ...host.description, ...changes } });
  };
  const joinedAt = host.since;
  expect(told()).toEqual(['HOST_STATE_READY', '', '', joinedAt]);
  const slots = host.description.slots.map((slot) => ({ ...slot, health: 'unusable' as const, healthReason: 'ECC' }));
  change({ slots });
  const at = host.since;
  expect(at).toBeGreaterThan(joinedAt);
  expect(told()).toEqual(['HOST_STATE_QUARANTINED', 'ECC', 'gpu-agent', at]);
  change({ draining: true });
  expect(told()).toEqual(['HOST_STATE_DRAINED', 'its agent was told to stop', 'gpu-agent', host.since]);
  expect(host.since).toBeGreaterThan(at);
  machine.take({ kind: 'hostLost', host: name, reason: 'no answer' });
  expect(told().slice(0, 3)).toEqual(['HOST_STATE_LOST', 'no answer', 'coordinator']);
});
