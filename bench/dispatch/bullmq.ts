// BullMQ on a Redis with an append-only file. The producer has as many jobs in the queue as there are slots, and adds the
// next one when it hears that one is completed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePortBase } from '../../test/support/cluster.ts';
import { program, requireDebian, requireNpm } from '../peers.ts';
import type { Contestant, StartContestant } from './contestant.ts';
import { type Done, durationsMs, type Load, slotsPerHost } from './jobs.ts';
import { startWorker, type Worker } from './workers.ts';

/** Of the benchmark alone; no dependency of the project. */
const bullVersions = { bullmq: '6.7.0', ioredis: '6.0.0' };

export interface WorkerOptions {
  readonly directory: string;
  readonly port: number;
  readonly name: string;
  readonly slots: number;
}

/** `sync` is Redis's `appendfsync`: after every command, or once a second. */
export function startBull(sync: 'always' | 'everysec'): StartContestant {
  return async (slots) => {
    requireDebian([program('redis-server', 'redis-server')]);
    const directory = requireNpm(bullVersions);
    const stack = new AsyncDisposableStack();
    try {
      const redis = await startRedis(sync, stack);
      const workers: Worker[] = [];
      for (let host = 0; host < Math.ceil(slots / slotsPerHost); host += 1) {
        const options = { directory, port: redis.port, name: `worker-${host}`, slots: Math.min(slots, slotsPerHost) };
        workers.push(stack.adopt(await startWorker('main-bullmq-worker.ts', options), (it) => it.stop()));
      }
      return await produce({ directory, workers, ...redis }, stack);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  };
}

interface Redis {
  readonly port: number;
  readonly pid: number;
}

async function startRedis(sync: string, stack: AsyncDisposableStack): Promise<Redis> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const port = await freePortBase();
  const words = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'yes',
    // A title would be written over its environment, by which the guard finds what a benchmark began (guard.ts).
    '--set-proc-title',
    'no',
  ];
  const child = spawn('redis-server', [...words, '--appendfsync', sync, '--maxmemory-policy', 'noeviction'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('Ready to accept connections')) break;
  }
  child.stdout.resume();
  return { port, pid: child.pid ?? 0 };
}

/** What we use of BullMQ. */
interface Bull {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: object, options: object): Promise<unknown>;
    close(): Promise<void>;
  };
  QueueEvents: new (
    name: string,
    options: object,
  ) => {
    on(event: 'completed', listener: () => void): void;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  };
}

interface Parts extends Redis {
  readonly directory: string;
  readonly workers: readonly Worker[];
}

async function produce({ directory, workers, port, pid }: Parts, stack: AsyncDisposableStack): Promise<Contestant> {
  const { Queue, QueueEvents } = createRequire(join(directory, 'package.json'))('bullmq') as Bull;
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
  const queue = stack.adopt(new Queue('jobs', { connection }), (it) => it.close());
  const events = stack.adopt(new QueueEvents('jobs', { connection }), (it) => it.close());
  let completed: () => void = () => undefined;
  events.on('completed', () => completed());
  await events.waitUntilReady();
  const run = async (load: Load): Promise<Done[]> => {
    const durations = durationsMs(load);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let [given, ended] = [0, 0];
    const give = (): void => {
      const job = given;
      given += 1;
      queue.add('job', { job, durationMs: durations[job] }, { removeOnComplete: true }).catch(reject);
    };
    completed = () => {
      ended += 1;
      if (given < load.jobs) give();
      if (ended === load.jobs) resolve();
    };
    while (given < Math.min(load.slots, load.jobs)) give();
    await promise;
    return (await Promise.all(workers.map((worker) => worker.collect()))).flat();
  };
  return { processes: [pid, ...workers.map((worker) => worker.pid)], run, stop: () => stack.disposeAsync() };
}
