// When a snapshot is made: by a process of its own, at low priority, once enough events have come since the last one.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';

/** A start folds so many in about a second and a half; below that a snapshot is of no use. */
const eventsBetween = 100_000;
const lookMs = 300_000;

export interface SnapshotsOptions {
  readonly stateDirectory: string;
  /** The newest event's place, and that of the snapshot from which the last start went on. */
  readonly sequence: () => number;
  readonly snapshotAt: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export function startSnapshots({ stateDirectory, sequence, snapshotAt, clock, log }: SnapshotsOptions) {
  let last = snapshotAt;
  let child: ChildProcess | undefined;
  let timer: { cancel(): void } | undefined;

  function make(): void {
    const at = sequence();
    const script = join(import.meta.dirname, '..', 'main-snapshot.ts');
    child = spawn(process.execPath, [script, stateDirectory], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    child.once('error', (error) => log.warn({ error }, 'no snapshot could be made'));
    child.once('exit', (code) => {
      child = undefined;
      if (code === 0) last = at;
      log.info({ code, events: at }, 'a snapshot of the journal was made');
    });
  }

  function look(): void {
    if (child === undefined && sequence() - last >= eventsBetween) make();
    timer = clock.after(lookMs, look);
  }

  look();
  return {
    stop(): void {
      timer?.cancel();
      child?.kill();
    },
  };
}
