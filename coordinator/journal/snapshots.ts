// When a snapshot is made: by a process of its own, at low priority, once enough events have come since the last one. One that fails is
// told and tried again at the next look; the coordinator needs none.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';

/** A start folds so many in about a second and a half; below that a snapshot is of no use. */
const usualEventsBetween = 100_000;
const lookMs = 300_000;

export interface SnapshotsOptions {
  readonly stateDirectory: string;
  /** The newest event's place, and that of the snapshot from which the last start went on. */
  readonly sequence: () => number;
  readonly snapshotAt: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** After so many events there is to be a new one; 100,000 unless stated. */
  readonly eventsBetween?: number;
}

export function startSnapshots(options: SnapshotsOptions) {
  const { stateDirectory, sequence, snapshotAt, clock, log, eventsBetween = usualEventsBetween } = options;
  let last = snapshotAt;
  let child: ChildProcess | undefined;
  let timer: { cancel(): void } | undefined;
  let stopped = false;

  function make(): void {
    const at = sequence();
    const script = join(import.meta.dirname, '..', 'main-snapshot.ts');
    child = spawn(process.execPath, [script, stateDirectory], { stdio: ['ignore', 'ignore', 'inherit'] });
    lowerPriority(child.pid);
    // Where the process cannot even be started there is no exit.
    child.once('error', (error) => {
      child = undefined;
      log.warn({ error }, 'no snapshot of the journal could be made');
    });
    child.once('exit', (code, signal) => {
      child = undefined;
      if (code === 0) {
        last = at;
        log.info({ events: at }, 'a snapshot of the journal was made');
      } else if (!stopped) {
        log.warn({ code, signal, events: at }, 'no snapshot of the journal could be made');
      }
    });
  }

  function look(): void {
    if (child === undefined && sequence() - last >= eventsBetween) make();
    timer = clock.after(lookMs, look);
  }

  look();
  return {
    stop(): void {
      stopped = true;
      timer?.cancel();
      child?.kill();
    },
  };
}

/** A courtesy to the coordinator, which some sandboxes forbid. */
function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // Then it has the usual one.
  }
}
