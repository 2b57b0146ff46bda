// `doctor` about a coordinator elsewhere, and where there is none.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVerb } from '../testing/run-verb.ts';
import { type StubCoordinator, startStubCoordinator } from '../testing/stub-coordinator.ts';

let stub: StubCoordinator;
beforeAll(async () => {
  stub = await startStubCoordinator();
});
afterAll(() => stub.stop());

interface Check {
  readonly name: string;
  readonly state: string;
  readonly detail: string;
}

// An engine that is not there, so that nothing but the coordinator is asked.
const env = { DOCKER_HOST: 'unix:///no/such.sock' };

async function doctor(coordinator: string): Promise<{ code: number; checks: Check[] }> {
  const words = ['doctor', '--coordinator', coordinator, '--state-dir', stub.stateDirectory, '-o', 'json'];
  const { code, stdout } = await runVerb(words, { env });
  return { code, checks: JSON.parse(stdout) as Check[] };
}

test('a coordinator that is named is asked for its hosts and its clock, and this machine needs no cluster', async () => {
  const { code, checks } = await doctor(stub.address);
  expect(code).toBe(0);
  const of = (name: string) => checks.find((check) => check.name === name);
  expect(of('Fleet')).toMatchObject({ state: 'ok', detail: '1 host, 1 ready, 1 slot' });
  expect(of('Clock')).toMatchObject({ state: 'ok', detail: expect.stringMatching(/^the coordinator's is \d+\.\d s /) });
  expect(of('Cluster')).toBeUndefined();
  expect(of('Docker engine')).toBeUndefined();
});

test('one that does not answer is broken, by its name', async () => {
  const { code, checks } = await doctor('127.0.0.1:1');
  expect(code).toBe(6);
  expect(checks.find(({ name }) => name === 'Fleet')).toMatchObject({
    state: 'broken',
    detail: expect.stringContaining('127.0.0.1:1'),
  });
});
