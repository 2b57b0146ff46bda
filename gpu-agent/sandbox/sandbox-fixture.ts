// What the sandbox's tests share: a bundle, a spec, and an engine of their own installation. For tests only.

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSandboxImage } from '../../deploy/docker/sandbox-image.ts';
import { attemptId, runId, slotId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { createContainerHost } from '../../shared/sandbox/container-host.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { connectContainerHost } from '../../shared/sandbox/proxy-client.ts';
import { startProxyServer } from '../../shared/sandbox/proxy-server.ts';
import { createDockerSandboxEngine } from './docker-sandbox.ts';
import type { SandboxEngine, SandboxSpec } from './sandbox.ts';
import { type SandboxLimits, sandboxKind, sandboxSpecSchema } from './sandbox-kind.ts';

/** A directory as gpu-agent would mount it: readable by everybody, writable by its owner. */
export function sampleBundle(): string {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bundle-'));
  writeFileSync(join(directory, 'train.csv'), 'id,x,y\n1,0.5,1\n2,0.25,0\n');
  chmodSync(directory, 0o755);
  return directory;
}

export function sampleSpec(bundleDirectory: string, changes: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    runId: runId('run-1'),
    attemptId: attemptId('attempt-1'),
    epoch: 7,
    slotId: slotId('cpu-0'),
    purpose: 'explore',
    bundleDirectory,
    memoryBytes: 512 * 2 ** 20,
    cpus: 1,
    diskBytes: 64 * 2 ** 20,
    pids: 128,
    environment: { DOUBLEBLIND_SEED: '42' },
    ...changes,
  };
}

const generousLimits: SandboxLimits = {
  memoryBytes: 2 ** 33,
  cpus: 64,
  diskBytes: 2 ** 33,
  pids: 4096,
  containers: 64,
};

/** Docker's engine under an installation name of our own, with another engine over the same for adopting. */
export interface DockerForTests {
  readonly engine: SandboxEngine;
  readonly again: () => SandboxEngine;
  readonly image: string;
  /** Where the proxy listens. */
  readonly socketPath: string;
}

export interface DockerForTestsOptions {
  readonly packagesDirectory?: string;
  /** Another engine than the machine's, which must have the image. */
  readonly engineSocket?: string;
  /** A runtime of the engine, such as gVisor's runsc; its default one where left out. Rejects where it is not there. */
  readonly runtime?: string | undefined;
}

/** The reason why there is none is printed: a skipped test must say so. */
export async function dockerForTests({
  packagesDirectory,
  engineSocket,
  runtime,
}: DockerForTestsOptions = {}): Promise<DockerForTests | undefined> {
  const docker = connectDocker(engineSocket);
  try {
    await docker.version();
  } catch (error) {
    process.stderr.write(
      `sandbox tests against Docker are SKIPPED: ${error instanceof Error ? error.message : error}\n`,
    );
    return undefined;
  }
  if (runtime !== undefined && !(await docker.runtimes()).includes(runtime)) {
    throw new Error(`the engine has no runtime ${runtime}; install it, or run the tests without one`);
  }
  const { imageId } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const installation = `test-${randomBytes(4).toString('hex')}`;
  // As in production: the engine's socket is on the other side of a proxy.
  const kind = sandboxKind({
    image: imageId,
    installation,
    bundleRoot: tmpdir(),
    limits: generousLimits,
    ...(packagesDirectory === undefined ? {} : { packagesDirectory }),
    // What is mounted in gVisor's kernel does not stand in the tables of the host's, so nothing can be proved by these.
    ...(runtime === undefined ? {} : { runtime, mountProof: false }),
  });
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-proxy-'));
  temporary.push(directory);
  const socketPath = join(directory, 'sandbox.sock');
  const host = createContainerHost(docker, kind);
  await startProxyServer({ socketPath, host, spec: sandboxSpecSchema, log: silentLogger });
  const again = (): SandboxEngine => createDockerSandboxEngine(connectContainerHost(socketPath));
  return { engine: again(), again, image: imageId, socketPath };
}

/** Gone with the process. */
const temporary: string[] = [];
process.once('exit', () => {
  for (const directory of temporary) rmSync(directory, { recursive: true, force: true });
});

/** Removes whatever a failed test left. */
export async function removeAll(engine: SandboxEngine): Promise<void> {
  for (const { containerId } of await engine.list()) await engine.remove(containerId);
}
