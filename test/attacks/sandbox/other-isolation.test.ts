// The same probes where the engine has more to keep code in: gVisor's kernel in place of the host's, and a user namespace in which root is
// nobody. Few machines have either; without it a row says that it was not run, and why. DOUBLEBLIND_TEST_ENGINE names the socket of an engine
// that has.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { dockerForTests, removeAll, sampleBundle, sampleSpec } from '../../../gpu-agent/sandbox/sandbox-fixture.ts';
import { measured } from '../../support/measured.ts';
import { testEngine } from '../../support/thorough.ts';
import { escaped, probes, program } from './escape-probes.ts';

/** What the engine says of itself; empty where there is none. */
function engineSays(format: string): string {
  try {
    const host = testEngine === undefined ? [] : ['--host', `unix://${testEngine}`];
    return execFileSync('docker', [...host, 'info', '--format', format], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}

const bundle = sampleBundle();
const run = { directory: '/work', timeoutMs: 120_000, maxLogBytes: 8192 };

/** What is printed in a sandbox of that runtime; of the engine's default one where it is undefined. */
async function printedIn(runtime: string | undefined, words: readonly string[]): Promise<string> {
  const docker = await dockerForTests({ runtime, ...(testEngine === undefined ? {} : { engineSocket: testEngine }) });
  if (docker === undefined) throw new Error('there is an engine and no sandboxes can be made');
  const box = await docker.engine.create(sampleSpec(bundle));
  try {
    return (await box.execute([...words], run)).log;
  } finally {
    await box.remove();
    await removeAll(docker.engine);
  }
}

/**
 * What gVisor's kernel, a process of its own, answers for itself: it takes no profile of Docker's, and has namespaces, devices, rings and
 * priorities that are nobody else's. Measured with Debian's runsc 20221219; to the host's kernel none of them is a call.
 */
const ofItsOwnKernel = [
  'be free of seccomp',
  'make a device',
  'make a mount namespace',
  'make a user namespace',
  'raise its priority',
  'open the descriptors of process 1',
  'set up an io_uring',
  'open a file by its handle',
  'make 32-bit calls',
];

test('gVisor: no probe gets out of a sandbox of runsc, and what its own kernel gives is listed', async ({
  task,
  skip,
}) => {
  if (!engineSays('{{json .Runtimes}}').includes('"runsc"')) {
    measured(task, 'this engine has no runtime named runsc, so it was not measured');
    skip('the engine has no runtime named runsc');
  }
  const log = await printedIn('runsc', ['python3', '-c', program, '/data', '/tmp']);
  expect(log).toContain('all probed');
  const worked = escaped(log);
  expect(worked.filter((name) => !ofItsOwnKernel.includes(name))).toEqual([]);
  // Positive control: it is gVisor's kernel that answered.
  expect(await printedIn('runsc', ['dmesg'])).toMatch(/gVisor/i);
  const version = execFileSync('runsc', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  measured(
    task,
    `${version}: of ${probes.length} probes 0 succeed but for ${worked.length} that its own kernel answers (${worked.join(', ')})`,
  );
});

test('userns-remap: root in a sandbox is nobody outside', async ({ task, skip }) => {
  if (!engineSays('{{json .SecurityOptions}}').includes('name=userns')) {
    measured(task, 'this engine does not remap user namespaces, so it was not measured');
    skip('the engine does not remap user namespaces');
  }
  const [, outside = '0'] = (await printedIn(undefined, ['cat', '/proc/self/uid_map'])).trim().split(/\s+/);
  expect(Number(outside)).toBeGreaterThan(0);
  measured(task, `uid 0 inside is ${outside} outside`);
});
