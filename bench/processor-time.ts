// Seconds of the processor that processes and their children have used, as Linux counts them: on a machine with other work
// they say more than the clock.

import { readdirSync, readFileSync } from 'node:fs';

/** Hundredths of a second, as Linux tells them. */
const ticksPerSecond = 100;

interface Used {
  readonly parent: number;
  readonly seconds: number;
}

function usedBy(pid: number): Used | undefined {
  try {
    // The name of the program, in brackets, may have spaces; the state is the first field behind it, the parent the second.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return { parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

/** Of these processes and all that they started and that still run. */
export function processorSeconds(roots: readonly number[]): number {
  const all = new Map<number, Used>();
  for (const entry of readdirSync('/proc')) {
    const used = /^\d+$/.test(entry) ? usedBy(Number(entry)) : undefined;
    if (used !== undefined) all.set(Number(entry), used);
  }
  const wanted = new Set(roots);
  for (let size = 0; size < wanted.size; ) {
    size = wanted.size;
    for (const [pid, { parent }] of all) if (wanted.has(parent)) wanted.add(pid);
  }
  return [...wanted].reduce((sum, pid) => sum + (all.get(pid)?.seconds ?? 0), 0);
}
