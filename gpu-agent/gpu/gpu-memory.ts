// What of a GPU's memory was left there by what has ended.
//
// Where nothing runs on a device, all of its memory counts beyond what it holds at rest. Where an attempt does, its own memory is
// nobody's business, so processes count, by the container that they are in. Owns both measures. Leaves to ../slot-watch.ts what follows.

import type { GpuDevice, GpuProcess, Gpus } from './gpus.ts';
import { containerOfProcess } from './process-container.ts';

/** What the driver itself takes comes and goes by some hundred megabytes. */
const toleratedBytes = 512 * 2 ** 20;
/** What a driver and a screen hold at the most; what is there beyond it at the start was left there. */
const mostBytesAtRest = 2 * 2 ** 30;

export interface Left {
  readonly bytes: number;
  /** True where something can begin all the same. */
  readonly isLittle: boolean;
  /** Whose it is, for a sentence. */
  readonly whose: string;
}

export interface GpuMemory {
  /** Notes what the device uses: the least of it is what it holds at rest. */
  see(device: GpuDevice): void;
  /** Undefined where the driver does not tell. */
  left(device: GpuDevice, isAlone: boolean): Promise<Left | undefined>;
}

export interface GpuMemoryOptions {
  readonly gpus: Pick<Gpus, 'processes'>;
  /** Containers of the attempts that are at work on this host. */
  readonly heldContainers: () => Promise<ReadonlySet<string>>;
  readonly containerOf?: (pid: number) => string | undefined;
}

export function createGpuMemory(options: GpuMemoryOptions): GpuMemory {
  const { gpus, heldContainers, containerOf = containerOfProcess } = options;
  const least = new Map<string, number>();
  const atRest = (uuid: string): number => least.get(uuid) ?? mostBytesAtRest;
  // What cannot be known counts as a neighbour's: better a little too full than a healthy device out of work.
  const isStranger = (held: ReadonlySet<string>, { pid }: GpuProcess): boolean => {
    const container = containerOf(pid);
    return container !== undefined && !held.has(container);
  };
  return {
    see({ uuid, usedMemoryBytes: used }) {
      if (used !== undefined) least.set(uuid, Math.min(used, atRest(uuid)));
    },
    async left({ uuid, usedMemoryBytes: used }, isAlone) {
      if (isAlone) {
        if (used === undefined) return undefined;
        return { bytes: used, isLittle: used <= atRest(uuid) + toleratedBytes, whose: 'though nothing runs here' };
      }
      try {
        // In this order: an attempt that begins in between is held and has no memory yet.
        const processes = await gpus.processes();
        const held = await heldContainers();
        const strangers = processes.filter((process) => process.uuid === uuid && isStranger(held, process));
        const bytes = strangers.reduce((sum, { usedMemoryBytes }) => sum + usedMemoryBytes, 0);
        return { bytes, isLittle: bytes <= atRest(uuid) + toleratedBytes, whose: 'by nothing that is at work here' };
      } catch {
        return undefined;
      }
    },
  };
}
