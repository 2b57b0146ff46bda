// Disks that are full for a while: a small file system takes the place of a daemon's directory, is filled up, and is freed again.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.ts';
import type { DaemonProcess } from './daemon-process.ts';
import type { Fleet } from './fleet.ts';
import { patience, type Row, serves, spread } from './row.ts';
import type { WatchedRun } from './watched-run.ts';

const mebibyte = 2 ** 20;
/** What a daemon may still write before its disk is full. */
const roomBytes = 24 * mebibyte;

/** Long enough for every try that is not made again after a few. */
const fullMs = 12_000;

export const fullDisks: readonly Row[] = [
  {
    fault: 'evaluator: its disk is full, then freed',
    times: 3,
    inEveryTest: false,
    run: (fleet, work, times) => fillOften(fleet, work, { daemon: fleet.evaluator, times }),
  },
  {
    fault: 'gateway: its disk is full, then freed',
    times: 3,
    inEveryTest: false,
    run: (fleet, work, times) => fillOften(fleet, work, { daemon: fleet.gateway, times }),
  },
  {
    fault: 'coordinator: its disk is full, then freed',
    times: 3,
    inEveryTest: false,
    async run(fleet, work, times) {
      const directory = join(fleet.directory, 'coordinator');
      const resumed: number[] = [];
      let ends = 0;
      for (let count = 0; count < times; count += 1) {
        await fleet.coordinator.kill();
        const disk = smallDisk(directory);
        try {
          fleet.coordinator.start();
          await work.more(1);
          disk.fill();
          // It cannot journal: it ends, and whoever supervises it starts it again and again.
          await waitFor('the coordinator to end', () => !fleet.coordinator.runs(), patience);
          for (let start = 0; start < 2; start += 1) {
            fleet.coordinator.start();
            await ended(fleet.coordinator);
          }
          ends += 3;
          disk.free();
          const sinceMs = performance.now();
          fleet.coordinator.start();
          resumed.push(await serves(fleet, sinceMs));
          await work.more(2);
          await fleet.coordinator.kill();
        } finally {
          disk.remove();
        }
        fleet.coordinator.start();
        await work.more(1);
      }
      return `it ended ${ends} times rather than go on without a journal; freed, it served after ${spread(resumed)}`;
    },
  },
  {
    fault: 'JetStream: its disk is full, then freed',
    times: 3,
    inEveryTest: false,
    async run(fleet, work, times) {
      const resumed: number[] = [];
      let [asked, lost, byItself] = [0, 0, 0];
      for (let count = 0; count < times; count += 1) {
        await fleet.nats.kill();
        fleet.loseBusStore();
        const disk = smallDisk(join(fleet.directory, 'nats'));
        try {
          fleet.nats.start();
          await work.more(1);
          disk.fill();
          await waitFor('results that wait', () => fleet.books.waiting() >= fleet.agents.length, patience);
          const untilMs = performance.now() + 1.2 * fleet.options.leaseMs;
          while (performance.now() < untilMs) {
            lost += [...(await fleet.states()).values()].filter((state) => state === 'lost').length;
            asked += 1;
            await new Promise((resolve) => setTimeout(resolve, 200));
          }
          const before = work.scored();
          disk.free();
          const sinceMs = performance.now();
          // What nats-server does by itself is not ours to promise; its supervisor restarts it where it stays dead.
          const works = await waitFor('a result', () => work.scored() > before, { timeoutMs: 8000 }).catch(() => false);
          if (works) byItself += 1;
          else {
            await fleet.nats.kill();
            fleet.nats.start();
            await work.more(1);
          }
          resumed.push(performance.now() - sinceMs);
          await fleet.nats.kill();
        } finally {
          disk.remove();
        }
        fleet.nats.start();
        await work.more(1);
      }
      if (lost > 0) throw new Error(`a host was declared lost in ${lost} of ${asked} answers`);
      return `no host declared lost in ${asked} answers, results waited in the outboxes; freed, it went on by itself ${byItself} of ${times} times, else after a restart; a result was scored after ${spread(resumed)}`;
    },
  },
];

/** Whoever asks a daemon whose disk is full asks again until there is room, and no candidate has failed for it. */
async function fillOften(
  fleet: Fleet,
  work: WatchedRun,
  { daemon, times }: { readonly daemon: DaemonProcess; readonly times: number },
): Promise<string> {
  const resumed: number[] = [];
  for (let count = 0; count < times; count += 1) {
    await daemon.kill();
    const disk = smallDisk(join(fleet.directory, daemon.name));
    try {
      const starts = startsOf(daemon);
      daemon.start();
      await waitFor(`the ${daemon.name} to serve`, () => startsOf(daemon) > starts, patience);
      await work.more(1);
      const before = await failedByDaemons(fleet, work);
      disk.fill();
      const untilMs = performance.now() + fullMs;
      await waitFor('the time to be over', () => performance.now() > untilMs, patience);
      disk.free();
      const sinceMs = performance.now();
      await work.more(1);
      resumed.push(performance.now() - sinceMs);
      await work.more(2);
      const failed = (await failedByDaemons(fleet, work)) - before;
      if (failed > 0) throw new Error(`${failed} candidates failed for a full disk`);
      await daemon.kill();
    } finally {
      disk.remove();
    }
    daemon.start();
    await work.more(1);
  }
  return `full for ${fullMs / 1000} s, ${times} times: no candidate failed for it; freed, a result was scored after ${spread(resumed)}`;
}

/** How often it has come so far as to serve. */
function startsOf(daemon: DaemonProcess): number {
  return daemon.log().split(' is ready').length;
}

/** Candidates that failed for no fault of their own. */
async function failedByDaemons({ operator }: Fleet, { runId }: WatchedRun): Promise<number> {
  const candidates = await operator.listCandidates(runId);
  return candidates.filter(({ failureReason }) => daemonFailures.has(failureReason ?? '')).length;
}

const daemonFailures: ReadonlySet<string> = new Set(['infrastructure', 'modelUnavailable']);

async function ended(daemon: DaemonProcess): Promise<void> {
  await waitFor(`${daemon.name} to end`, () => !daemon.runs(), patience);
}

interface SmallDisk {
  /** Takes all room but a few bytes, and what becomes free meanwhile as well. */
  fill(): void;
  free(): void;
  /** Puts the files back onto the disk where they were; nobody may use them meanwhile. */
  remove(): void;
}

/** Mounts a small file system over a directory and copies what it holds onto it. */
function smallDisk(directory: string): SmallDisk {
  const beside = `${directory}-aside`;
  const filler = join(directory, 'filler');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  cpSync(directory, beside, { recursive: true });
  const bytes = Math.ceil(1.2 * sizeOf(beside)) + roomBytes;
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', directory]);
  cpSync(beside, directory, { recursive: true });
  rmSync(beside, { recursive: true });
  let filling: NodeJS.Timeout | undefined;
  const fill = (): void => {
    const { bavail, bsize } = statfsSync(directory);
    try {
      if (bavail > 0) writeFileSync(filler, Buffer.alloc(bavail * bsize), { flag: 'a' });
    } catch {
      // Somebody else took the rest; what was left is written.
    }
  };
  const free = (): void => {
    clearInterval(filling);
    rmSync(filler, { force: true });
  };
  return {
    fill() {
      fill();
      filling = setInterval(fill, 100);
    },
    free,
    remove() {
      free();
      cpSync(directory, beside, { recursive: true });
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true, force: true });
      cpSync(beside, directory, { recursive: true });
      rmSync(beside, { recursive: true });
    },
  };
}

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
