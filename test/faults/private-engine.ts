// A container engine of the test's own: data, sockets and network are its own, so that it may be killed without harm to the machine's.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { waitFor } from '../support/wait-for.ts';

export interface PrivateEngine {
  readonly socket: string;
  /** SIGKILL; its containers run on. */
  kill(): Promise<void>;
  /** SIGTERM; its containers end with it, unless it is to leave them alone. */
  stop(): Promise<void>;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Ends it and removes all that it had; its containers must be gone. */
  remove(): Promise<void>;
}

const patience = { timeoutMs: 120_000, everyMs: 50 } as const;

export interface PrivateEngineOptions {
  /** Whether containers outlive it, as its setting of this name says. */
  readonly liveRestore: boolean;
}

/** Starts one that has an image of the machine's engine. */
export async function startPrivateEngine(
  image: string,
  { liveRestore }: PrivateEngineOptions = { liveRestore: true },
): Promise<PrivateEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-engine-'));
  const socket = join(directory, 'docker.sock');
  const pidFile = join(directory, 'containerd-of');
  let child: ChildProcess | undefined;
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  const engine: PrivateEngine = {
    socket,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    async start() {
      rmSync(pidFile, { force: true });
      const log = openSync(join(directory, 'log'), 'a');
      // In a network of its own, or it would take the bridge of the machine's engine away.
      const words = ['-n', 'dockerd', '--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
      const network = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-masq=false'];
      const rest = ['--pidfile', pidFile, '--host', `unix://${socket}`, '--log-level', 'error'];
      if (liveRestore) rest.push('--live-restore');
      child = spawn('unshare', [...words, ...network, ...rest], { stdio: ['ignore', log, log] });
      closeSync(log);
      const answers = connectDocker(socket);
      await waitFor('the engine to answer', () => answers.version(), patience).catch((error: unknown) => {
        throw new Error(`the engine did not start: ${readFileSync(join(directory, 'log'), 'utf8').slice(-800)}`, {
          cause: error,
        });
      });
    },
    async remove() {
      // Killed, it would leave containerd to a next one.
      await end('SIGTERM');
      for (const mount of mountsBelow(directory)) execFileSync('umount', ['--lazy', mount], { stdio: 'pipe' });
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await engine.start();
  execFileSync('sh', ['-c', `docker save ${image} | docker --host unix://${socket} load`], { stdio: 'pipe' });
  return engine;
}

/** What an engine that was killed has left mounted; the deepest first. */
function mountsBelow(directory: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return mounts
    .filter((mount) => mount.startsWith(`${directory}/`))
    .toSorted((left, right) => right.length - left.length);
}
