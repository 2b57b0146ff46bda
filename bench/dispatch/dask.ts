// Dask distributed: bench/peers/dask_dispatch.py as a process that stays, asked by lines.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { debianPython, pythonModule, requireDebian } from '../peers.ts';
import type { Contestant } from './contestant.ts';
import { type Done, durationsMs, slotsPerHost } from './jobs.ts';

const script = join(import.meta.dirname, '..', 'peers', 'dask_dispatch.py');

/** Scheduler and client share a process, as `LocalCluster` has it; workers have processes of their own. */
export async function startDask(slots: number): Promise<Contestant> {
  requireDebian([pythonModule('distributed', 'python3-distributed')]);
  const workers = Math.ceil(slots / slotsPerHost);
  const child = spawn(debianPython, [script, String(workers), String(Math.min(slots, slotsPerHost))], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('Dask ended');
    return line.value;
  };
  await next();
  return {
    processes: [child.pid ?? 0],
    async run(load) {
      child.stdin.write(`${JSON.stringify({ slots: load.slots, durationsMs: durationsMs(load) })}\n`);
      return JSON.parse(await next()) as Done[];
    },
    async stop() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
