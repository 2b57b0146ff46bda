// Worker processes of the benchmark: started, asked for what they did, ended.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Done } from './jobs.ts';

export interface Worker {
  /** What the worker said when it was ready. */
  readonly ready: string;
  readonly pid: number;
  /** What was done since the last time. */
  collect(): Promise<Done[]>;
  stop(): Promise<void>;
}

/** Starts a script of this folder with one JSON argument; resolves when it has sent its first message. */
export async function startWorker(script: string, options: object): Promise<Worker> {
  const child = fork(join(import.meta.dirname, script), [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ready = await firstMessage(child, script);
  return {
    ready,
    pid: child.pid ?? 0,
    async collect() {
      const answer = once(child, 'message');
      child.send('collect');
      return (await answer)[0] as Done[];
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function firstMessage(child: ChildProcess, script: string): Promise<string> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${script} ended with ${code} before it was ready`);
  });
  ended.catch(() => undefined);
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [string];
  return message;
}
