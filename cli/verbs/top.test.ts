import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FleetMoment, fleetLines, loadOf } from '../core/fleet.ts';
import type { Host, Slot } from '../core/model.ts';
import { noStyle } from '../terminal/style.ts';
import { runVerb } from '../testing/run-verb.ts';
import { sampleCandidate, sampleRun } from '../testing/sample-run.ts';
import { type StubCoordinator, startStubCoordinator } from '../testing/stub-coordinator.ts';

let stub: StubCoordinator;
beforeAll(async () => {
  stub = await startStubCoordinator();
});
afterAll(() => stub.stop());

const slot: Slot = {
  ...{ slotId: 'GPU-1', kind: 'gpu', deviceName: 'H100', deviceMemoryBytes: 80e9, capacity: 2, health: 'healthy' },
  ...{ healthReason: '', attempts: [{ runId: 'r-sample', attemptId: 'c-7', epoch: 9 }] },
};
const host: Host = {
  ...{ host: 'gpu-1', address: '10.0.0.1:7442', state: 'ready', reason: '', since: null, slots: [slot], by: '' },
  ...{ version: '0.1.0', heartbeatAgeSeconds: 0.3, drainSecondsLeft: 0 },
  ...{ largestSandboxCpus: 2, largestSandboxMemoryBytes: 2 ** 32 },
};
const lost: Host = {
  ...host,
  host: 'gpu-2',
  state: 'lost',
  reason: 'no \u001b[2Janswer',
  slots: [{ ...slot, attempts: [] }],
};
const moment: FleetMoment = {
  hosts: [host, lost],
  runs: [sampleRun({ attemptsRunning: 1, candidatesScored: 6 })],
  candidates: new Map([
    ['c-7', sampleCandidate({ candidateId: 'c-7', number: 7, operator: 'mutate', state: 'running' })],
  ]),
  history: [0, 0.5, 1],
  atMs: Date.parse('2026-03-01T09:01:31Z'),
};

test('the picture tells hosts, slots, who holds them for how long, and how busy they were', () => {
  const text = fleetLines(moment, noStyle).join('\n');
  expect(text).toContain('2 hosts (1 ready, 1 lost) · 1 of 2 places busy, 50 % now, 50 % on average  ▁▅█');
  expect(text).toMatch(/GPU-1 +H100 +▸ #7 mutate +r-sample +1 min 30 s +epoch 9/);
  expect(text).toContain('gpu-2            lost: no answer');
  expect(text).toContain('r-sample running · 6 scored, 1 running');
  expect(text).not.toContain('attempts');
  const owned = { ...moment, runs: [sampleRun({ owner: 'alice', ownerQuota: 4, ownerAttemptsRunning: 3 })] };
  expect(fleetLines(owned, noStyle).join('\n')).toContain('· alice has 3 of 4 attempts');
  const fork = sampleRun({ candidatesScored: 18, inheritedCandidates: 15 });
  expect(fleetLines({ ...moment, runs: [fork] }, noStyle).join('\n')).toContain('r-sample running · 3 scored');
});

test('places of a lost host do not count, and a fleet without places is not busy', () => {
  expect(loadOf([host, lost])).toEqual({ busy: 1, places: 2, share: 0.5 });
  expect(loadOf([lost])).toEqual({ busy: 0, places: 0, share: 0 });
});

test('top goes on until Ctrl-C, in a pipe without anything that steers a terminal', async () => {
  const stopping = new AbortController();
  const words = ['top', '--coordinator', stub.address, '--state-dir', stub.stateDirectory];
  const seen = await runVerb(words, { signal: stopping.signal, onOutput: () => stopping.abort() });
  expect(seen.code).toBe(130);
  expect(seen.stdout).not.toContain('\u001b');
  const once = await runVerb([...words, '--once', '-o', 'json']);
  expect(JSON.parse(once.stdout)).toMatchObject({ load: { busy: 0, places: 1 }, hosts: [{ host: 'local' }] });
});

test('--watch shows a list again as it changes: a line a change as JSON, one picture on a terminal', async () => {
  const stopping = new AbortController();
  const words = ['--coordinator', stub.address, '--state-dir', stub.stateDirectory];
  const options = { signal: stopping.signal, onOutput: () => stopping.abort() };
  const seen = await runVerb(['node', 'ls', '--watch', '-o', 'json', ...words], options);
  expect(seen.code).toBe(130);
  expect(JSON.parse(seen.stdout)).toMatchObject([{ host: 'local' }]);
  const screen = await runVerb(['ls', '--watch', ...words], { signal: AbortSignal.abort(), isTerminal: true });
  expect(screen.stdout).toContain('r-sample');
  expect(screen.stdout).toContain('\u001b[?25h');
});
