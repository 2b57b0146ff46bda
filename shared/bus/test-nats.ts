// For tests: a real nats-server with TLS, the permissions of deploy/nats and a store of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsPaths } from '../rpc/tls-files.ts';

export interface TestNats {
  /** host:port; the same after a restart. */
  readonly address: string;
  /** Of the first start. */
  readonly pid: number;
  /** Ends the process with a signal and waits for its end. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again on the same port and store. */
  restart(): Promise<void>;
  /** Empties the store; only between `kill` and `restart`. */
  loseStore(): void;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** What the caller renders, for example with deploy/nats/server-config.ts. */
export type RenderConfig = (options: { listen: string; storeDirectory: string; tls: TlsPaths }) => string;

/** Starts a server on a free port; resolves when it takes connections. */
export async function startTestNats(tls: TlsPaths, render: RenderConfig): Promise<TestNats> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-test-nats-'));
  const storeDirectory = join(directory, 'store');
  const launch = (listen: string): Promise<Launched> => {
    const config = join(directory, 'nats.conf');
    writeFileSync(config, render({ listen, storeDirectory, tls }));
    return start(config);
  };
  let running = await launch('127.0.0.1:-1');
  const { address } = running;
  const kill = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    running.child.kill(signal);
    await running.ended;
  };
  return {
    address,
    pid: running.child.pid ?? 0,
    kill,
    async restart() {
      running = await launch(address);
    },
    loseStore: () => rmSync(storeDirectory, { recursive: true, force: true }),
    async stop() {
      await kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Launched {
  readonly child: ChildProcess;
  readonly address: string;
  readonly ended: Promise<void>;
}

function start(config: string): Promise<Launched> {
  return new Promise((resolve, reject) => {
    const child = spawn('nats-server', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise<void>((settle) => child.once('exit', () => settle()));
    let output = '';
    let address = '';
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`nats-server ended: ${output}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      address ||= /Listening for client connections on (\S+)/.exec(output)?.[1] ?? '';
      if (address !== '' && output.includes('Server is ready')) resolve({ child, address, ended });
    });
  });
}
