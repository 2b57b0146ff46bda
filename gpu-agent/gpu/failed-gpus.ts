// GPUs that have failed, remembered over an end of the agent that nobody asked for. Whoever stops it has reset what failed, or means to;
// a reboot mends it, too. Owns: a file in the state directory.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

export interface FailedGpus {
  /** Why, by UUID. */
  readonly known: ReadonlyMap<string, string>;
  /** Throws nothing: a disk that is full is told elsewhere. */
  add(uuid: string, why: string): void;
  /** The agent is stopped. */
  forget(): void;
}

const schema = z.object({ boot: z.string(), failed: z.record(z.string(), z.string()) });

/** `bootIdPath` names this boot of the kernel. */
export function openFailedGpus(path: string, bootIdPath = '/proc/sys/kernel/random/boot_id'): FailedGpus {
  const boot = textOf(bootIdPath).trim();
  const before = schema.safeParse(parsed(textOf(path)));
  const known = new Map(before.success && before.data.boot === boot ? Object.entries(before.data.failed) : []);
  return {
    known,
    add(uuid, why) {
      known.set(uuid, why);
      try {
        writeFileSync(`${path}.partial`, JSON.stringify({ boot, failed: Object.fromEntries(known) }), { mode: 0o600 });
        renameSync(`${path}.partial`, path);
      } catch {
        // Then it is known as long as this process lives.
      }
    },
    forget() {
      known.clear();
      try {
        rmSync(path, { force: true });
      } catch {
        // A disk that takes nothing more is no reason to stop in disorder.
      }
    },
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
