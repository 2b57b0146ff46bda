// What Linux tells of a process that is measured, and its end.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** Hundredths of a second, as Linux tells them. */
const ticksPerSecond = 100;

/** Seconds of the processor that a process has taken so far, all its threads together. */
export function cpuSecondsOf({ pid }: ChildProcess): number {
  // The name of the program, in brackets, may have spaces; state is the first field behind it, user time the twelfth.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Bytes that a process has in memory now, or had at the most. */
export function memoryOf({ pid }: ChildProcess, field: 'VmRSS' | 'VmHWM'): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** Ends a process that may have ended already. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}
