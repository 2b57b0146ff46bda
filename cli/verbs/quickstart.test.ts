import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVerb } from '../testing/run-verb.ts';
import { type StubCoordinator, startStubCoordinator } from '../testing/stub-coordinator.ts';

let stub: StubCoordinator;
/** Stands for a cluster that is up: its command line is what tells such a process from others. */
const cluster = spawn('/bin/sh', ['-c', 'sleep 600; :', 'main.ts'], { detached: true, stdio: 'ignore' });

beforeAll(async () => {
  stub = await startStubCoordinator();
  const record = {
    pid: cluster.pid,
    startedAt: '2026-03-01T09:00:00Z',
    ready: true,
    addresses: { coordinator: stub.address },
  };
  mkdirSync(join(stub.stateDirectory, 'run'));
  writeFileSync(join(stub.stateDirectory, 'run/cluster.json'), JSON.stringify(record));
});
afterAll(async () => {
  // Its group: the shell and what it waits for.
  if (cluster.pid !== undefined) process.kill(-cluster.pid, 'SIGKILL');
  await stub.stop();
});

test('Ctrl-C beside a cluster that was running already leaves the run going, and says so', async () => {
  const stopping = new AbortController();
  stopping.abort();
  const seen = await runVerb(['quickstart', '--state-dir', stub.stateDirectory], { signal: stopping.signal });
  expect(seen.code).toBe(130);
  expect(seen.stderr).toContain('running already');
  expect(seen.stderr).toContain('The run goes on. Follow it again: doubleblind watch r-sample');
  expect(seen.stderr).not.toContain('Stopped');
});

test('a dry run refuses a task that the real one would not find, with a cluster and without', async () => {
  const beside = ['quickstart', '--dry-run', '--state-dir', stub.stateDirectory];
  expect(await runVerb([...beside, '--task', 'nosuch'])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/There is no task nosuch\.\n.*digits/),
  });
  expect((await runVerb([...beside, '--task', 'digits'])).code).toBe(0);
  const nowhere = join(stub.stateDirectory, 'nowhere');
  expect((await runVerb(['quickstart', '--dry-run', '--state-dir', nowhere, '--task', 'nosuch'])).code).toBe(3);
});
