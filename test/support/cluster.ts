// A whole local cluster for a test: real daemons, NATS and containers, started through the command line as a user would,
// in a state directory and on ports of its own.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env as environment } from 'node:process';
import { promisify } from 'node:util';
import { waitFor } from './wait-for.ts';

const launcher = 'deploy/bin/doubleblind';

/** What a command printed and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestCluster {
  readonly stateDirectory: string;
  /** host:port of each daemon, by the names that the documents use. */
  readonly addresses: Readonly<Record<'COORDINATOR' | 'AGENT' | 'EVALUATOR' | 'GATEWAY', string>>;
  /** Runs a verb against this cluster. */
  run(...words: string[]): Promise<Outcome>;
  /** Runs a verb with `-o json`; throws where it did not end well. */
  json<Value>(...words: string[]): Promise<Value>;
  /** Process id of a daemon, by its folder. */
  pidOf(folder: string): number | undefined;
  stop(): Promise<void>;
}

/** The first of eight ports in a row that nobody listens on now. */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = 20_000 + Math.floor(Math.random() * 30_000);
    const free = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('found no eight free ports in a row');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Runs the command line once. */
export function doubleblind(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile('sh', [launcher, ...words], { maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, stdout, stderr });
    });
  });
}

/** The process whose command line has both words; read from /proc, so that no daemon has to cooperate. */
function findProcess(script: string, stateDirectory: string): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      if (words.includes(script) && words.includes(stateDirectory)) return Number(entry);
    } catch {
      // The process ended while we looked.
    }
  }
  return undefined;
}

/** Starts a cluster with CPU slots and waits until every daemon serves. */
export async function startTestCluster({
  slots = 2,
  flags = [],
  portBase: wanted,
  env = {},
}: {
  readonly slots?: number;
  /** More flags of `up`. */
  readonly flags?: readonly string[];
  /** The first of its eight ports, where somebody has to know it before. */
  readonly portBase?: number;
  /** More of the environment of `up`. */
  readonly env?: Readonly<Record<string, string>>;
} = {}): Promise<TestCluster> {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'doubleblind-test-'));
  const portBase = wanted ?? (await freePortBase());
  const where = ['--state-dir', stateDirectory];
  const up = ['up', ...where, '--port-base', String(portBase), '--slots', String(slots), ...flags];
  const process = spawn('sh', [launcher, ...up], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, ...env },
  });
  let output = '';
  for (const stream of [process.stdout, process.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const run = (...words: string[]): Promise<Outcome> => doubleblind(...words, ...where);
  try {
    await waitFor(
      'the cluster to serve',
      async () => {
        if (process.exitCode !== null) throw new Error(`up ended with ${process.exitCode}:\n${output}`);
        const { code, stdout } = await run('node', 'ls', '-o', 'json');
        return code === 0 && stdout.includes('"ready"');
      },
      { timeoutMs: 180_000, everyMs: 300 },
    );
  } catch (error) {
    await end(process);
    throw new Error(`the test cluster did not start:\n${output}`, { cause: error });
  }
  const at = (offset: number): string => `127.0.0.1:${portBase + offset}`;
  return {
    stateDirectory,
    addresses: { COORDINATOR: at(1), AGENT: at(2), EVALUATOR: at(3), GATEWAY: at(4) },
    run,
    json: async (...words) => {
      const outcome = await run(...words, '-o', 'json');
      if (outcome.code !== 0) throw new Error(`doubleblind ${words.join(' ')}: ${outcome.code}\n${outcome.stderr}`);
      return JSON.parse(outcome.stdout);
    },
    pidOf: (folder) => findProcess(`${folder}/main.ts`, stateDirectory),
    stop: async () => {
      await end(process);
      await removeSandboxes(stateDirectory);
      rmSync(stateDirectory, { recursive: true, force: true });
    },
  };
}

/** An agent leaves what runs to its next start, and here there is none. The label is as gpu-agent/socket-proxy/main.ts makes it. */
async function removeSandboxes(stateDirectory: string): Promise<void> {
  const agentDirectory = join(stateDirectory, 'gpu-agent');
  const installation = createHash('sha256').update(agentDirectory).digest('hex').slice(0, 16);
  const filter = `label=doubleblind.installation=${installation}`;
  const { stdout } = await promisify(execFile)('docker', ['ps', '--all', '--quiet', '--filter', filter]);
  const left = stdout.split('\n').filter((id) => id !== '');
  if (left.length > 0) await promisify(execFile)('docker', ['rm', '--force', ...left]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await ended;
  clearTimeout(force);
}
