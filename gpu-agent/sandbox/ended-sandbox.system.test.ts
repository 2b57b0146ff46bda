// What the port says of a sandbox that somebody else ends, with Docker alone: the fake's cannot be.

import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, SandboxEnded } from './sandbox.ts';
import { type DockerForTests, dockerForTests, removeAll, sampleBundle, sampleSpec } from './sandbox-fixture.ts';

let docker: DockerForTests | undefined;
const bundle = sampleBundle();
const run = promisify(execFile);
beforeAll(async () => {
  docker = await dockerForTests();
}, 900_000);
afterAll(async () => {
  if (docker) await removeAll(docker.engine);
  rmSync(bundle, { recursive: true, force: true });
});

const timeout = 300_000;
const long = { timeoutMs: 120_000 };

async function made({ engine }: DockerForTests): Promise<Sandbox> {
  const sandbox = await engine.create(sampleSpec(bundle));
  await sandbox.call({ kind: 'bash', command: 'echo begun > /out/begun' }, long);
  return sandbox;
}

test('an execution says that its whole sandbox was killed, and nothing is taken out of it afterwards', {
  timeout,
}, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  const sandbox = await made(docker);
  const options = { directory: '/work', maxLogBytes: 1000, ...long };
  const execution = sandbox.execute(['sleep', '60'], options);
  await run('docker', ['kill', sandbox.identity.containerId]);
  expect(await execution).toMatchObject({ end: 'crash', sandboxKilled: true });
  await expect(sandbox.takeFile('/out/begun', 1000)).rejects.toThrow(SandboxEnded);
  await sandbox.quiet();
  await sandbox.remove();
});

test('a session whose sandbox is killed is told that its files are gone, each time it asks', { timeout }, async ({
  skip,
}) => {
  if (docker === undefined) return skip('no Docker engine');
  const sandbox = await made(docker);
  const call = sandbox.call({ kind: 'bash', command: 'sleep 60' }, long);
  await run('docker', ['kill', sandbox.identity.containerId]);
  const gone = {
    exitStatus: null,
    timedOut: false,
    sessionRestarted: true,
    output: expect.stringContaining('files are gone'),
  };
  expect(await call).toMatchObject(gone);
  expect(await sandbox.call({ kind: 'bash', command: 'true' }, long)).toMatchObject(gone);
  await sandbox.remove();
});
