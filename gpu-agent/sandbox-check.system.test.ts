// The look out of a sandbox that `doctor` asks for: what is there is seen, what is hidden is not.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { dockerForTests } from './sandbox/sandbox-fixture.ts';

const run = promisify(execFile);

test('a sandbox sees its own files and nothing of this machine', async ({ skip }) => {
  const docker = await dockerForTests();
  if (docker === undefined) return skip('no Docker engine');
  const words = ['gpu-agent/main-sandbox-check.ts', '--image', docker.image, '--unreachable', '127.0.0.1:1'];
  // /data is in every sandbox: a look that does not see it sees nothing at all.
  const hidden = ['/data', import.meta.dirname, '/var/run/docker.sock'].flatMap((path) => ['--unseen', path]);
  const { stdout } = await run(process.execPath, [...words, ...hidden]);
  expect(JSON.parse(stdout)).toEqual({ sees: ['/data'] });
  const refused = run(process.execPath, ['gpu-agent/main-sandbox-check.ts', '--image', 'no/such:image']);
  await expect(refused).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('no image no/such:image') });
});
