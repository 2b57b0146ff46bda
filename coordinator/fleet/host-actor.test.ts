import { expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { hostName, runId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { attemptOf, createRun, joinHost, newMachine } from '../core/machine.test-support.ts';
import { type AgentClient, startHostActor } from './host-actor.ts';

test('guidance that is added to a run reaches its host at once, and again with every renewal', async () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { guidance: 'be quick' });
  const renewals: { attempts: unknown[]; guidance: unknown }[] = [];
  const agent = {
    describeHost: () => Promise.resolve({ host: 'alpha' }),
    renewLeases: (request: { attempts: unknown[]; guidance: unknown }) => {
      renewals.push(request);
      return Promise.resolve({ unknown: [], bootId: 'boot' });
    },
    close: () => undefined,
  };
  const host = startHostActor({
    name: hostName('alpha'),
    address: '127.0.0.1:1',
    state: machine.state,
    post: () => Promise.resolve(true),
    connect: () => agent as unknown as AgentClient,
    // So long that no renewal but the first comes by itself.
    leaseTtlMs: 3_600_000,
    clock: systemClock,
    log: silentLogger,
  });
  await vi.waitFor(() => expect(renewals).toHaveLength(1));
  expect(renewals[0]?.guidance).toEqual([]);
  const id = runId('digits-aaaaaa');
  const commands = machine.take({ kind: 'runSteered', runId: id, guidance: 'try trees' });
  expect(commands).toEqual([{ kind: 'tellGuidance', runId: id, host: 'alpha', number: 1 }]);
  host.hasten();
  await vi.waitFor(() => expect(renewals).toHaveLength(2));
  expect(renewals[1]).toMatchObject({
    attempts: [{ attemptId: attemptOf(machine, 1).id }],
    guidance: [{ runId: id, added: ['try trees'] }],
  });
  machine.take({ kind: 'runSteered', runId: id, guidance: 'and forests' });
  host.hasten();
  await vi.waitFor(() => expect(renewals).toHaveLength(3));
  expect(renewals[2]?.guidance).toEqual([{ runId: id, added: ['try trees', 'and forests'] }]);
  host.stop();
});
