// A container that systemd boots, of Debian packages alone. Needs root, mmdebstrap and an engine that grants CAP_SYS_ADMIN.

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../deploy/docker/command-line.ts';
import { haveMmdebstrap, makeDebianRoot } from '../../deploy/docker/debian-root.ts';
import { waitFor } from '../support/wait-for.ts';

const suite = 'bookworm';
const packages = ['systemd', 'systemd-sysv', 'dbus', 'nats-server', 'procps'];
const log = (line: string): void => void process.stderr.write(`${line}\n`);

export interface Booted {
  /** Runs a command in it; throws with its output where it fails. */
  sh(script: string): Promise<string>;
  /** Copies a file or directory of ours into it. */
  copy(from: string, to: string): Promise<void>;
  /** Copies one of its own to us. */
  fetch(from: string, to: string): Promise<void>;
  stop(): Promise<void>;
}

export interface BootOptions {
  /** Its host name, and its name on `network`. */
  readonly host?: string;
  /** A network of the engine; none where left out. */
  readonly network?: string;
  /** Paths of this machine that it has at the same place. */
  readonly shares?: readonly string[];
}

/** Boots it; undefined with the reason printed where this machine cannot. */
export async function bootContainer({
  host = 'booted',
  network = 'none',
  shares = [],
}: BootOptions = {}): Promise<Booted | undefined> {
  const image = await systemdImage();
  if (image === undefined) return undefined;
  const name = `doubleblind-${host}-${process.pid}`;
  const capabilities = ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE', 'IPC_LOCK', 'SYS_NICE', 'AUDIT_CONTROL', 'SYSLOG'];
  // systemd wants a cgroup tree that it may write: a fresh unified one, in the container's own name space. And mounts that reach
  // the services' name spaces, by which credentials get there.
  const boot = [
    'umount -l /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    'mount --make-rshared /',
    'exec /sbin/init systemd.unified_cgroup_hierarchy=1',
  ].join(' && ');
  const started = await docker([
    ...['run', '--detach', '--name', name, '--hostname', host, '--network', network],
    ...(network === 'none' ? [] : ['--network-alias', host]),
    ...['--cgroupns', 'private', '--env', 'container=docker'],
    ...shares.flatMap((path) => ['--volume', `${path}:${path}`]),
    ...[
      '--tmpfs',
      '/run',
      '--tmpfs',
      '/tmp',
      '--security-opt',
      'seccomp=unconfined',
      '--security-opt',
      'apparmor=unconfined',
    ],
    ...capabilities.flatMap((capability) => ['--cap-add', capability]),
    ...['--entrypoint', '/bin/sh', image, '-c', boot],
  ]);
  const stop = async (): Promise<void> => void (await docker(['rm', '--force', '--volumes', name]));
  if (started.status !== 0) {
    log(`systemd cannot be booted in a container here: ${started.output}`);
    await stop();
    return undefined;
  }
  const sh = async (script: string): Promise<string> => {
    const { status, output } = await docker(['exec', name, 'sh', '-c', script]);
    if (status !== 0) throw new Error(`${script}\nended with status ${status}:\n${output}`);
    return output;
  };
  try {
    await waitFor('systemd has booted', async () =>
      /running|degraded/.test(await sh('systemctl is-system-running || true')),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  // The engine cannot reach into a tmpfs from outside, so files are of the image's own layer.
  const transfer = async (from: string, to: string): Promise<void> => {
    const { status, output } = await docker(['cp', from, to]);
    if (status !== 0) throw new Error(output);
  };
  const copy = (from: string, to: string): Promise<void> => transfer(from, `${name}:${to}`);
  const fetch = (from: string, to: string): Promise<void> => transfer(`${name}:${from}`, to);
  return { sh, copy, fetch, stop };
}

export async function docker(words: readonly string[]): Promise<{ status: number | null; output: string }> {
  const { status, lastLines } = await runProgram('docker', words);
  return { status, output: lastLines.join('\n') };
}

/** The image by its tag, made where it is missing. */
async function systemdImage(): Promise<string | undefined> {
  const content = createHash('sha256').update(`${suite} ${packages.join()}`).digest('hex').slice(0, 12);
  const tag = `doubleblind/systemd-test:${content}`;
  if ((await docker(['image', 'inspect', tag])).status === 0) return tag;
  if (!(await haveMmdebstrap({ log }))) {
    log('systemd cannot be booted here: mmdebstrap is missing, or this is not root');
    return undefined;
  }
  const scratch = await mkdtemp(join(tmpdir(), 'doubleblind-systemd-'));
  try {
    const tar = join(scratch, 'root.tar');
    await makeDebianRoot({ log, suite, tar, include: packages, scratch });
    const { status, output } = await docker(['import', tar, tag]);
    if (status !== 0) throw new Error(`docker import failed: ${output}`);
    return tag;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
