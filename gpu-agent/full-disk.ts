// A host whose disk is full takes nothing new, and says so with every heartbeat: it would fail every start, and each would be a try of an
// attempt that another host could have done.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { isDiskFull } from '../shared/disk-full.ts';
import type { HostBook } from './outbox/host-book.ts';

/** How often it is tried whether there is room again. */
const tryAgainMs = 30_000;
/** More than an attempt's beginnings, so that what fits the book's file by chance is not taken for room. */
const probeBytes = 256 * 1024;

export interface FullDiskOptions {
  readonly book: HostBook;
  readonly clock: Clock;
  /** Writes something of the size of an attempt's beginnings and removes it; throws where that cannot be. */
  readonly tryWrite: () => void;
}

export interface FullDisk {
  /** The book, watched for writes that fail for want of room. */
  readonly book: HostBook;
  /** Something else could not be done: where it was for want of room, that is known now. */
  note(error: unknown): void;
  /** Why nothing new begins, in a sentence; empty where nothing is against it. */
  trouble(): string;
}

/** Tries it in a directory. */
export function roomIn(directory: string): () => void {
  const path = join(directory, 'room-probe');
  return () => {
    try {
      writeFileSync(path, Buffer.alloc(probeBytes));
    } finally {
      rmSync(path, { force: true });
    }
  };
}

export function watchFullDisk({ book, clock, tryWrite }: FullDiskOptions): FullDisk {
  let isFull = false;
  let triedMs = 0;
  const note = (error: unknown): void => {
    if (!isDiskFull(error)) return;
    isFull = true;
    triedMs = clock.monotonicMs();
  };
  // That a small write works tells nothing: it may fit what the file has already.
  const lookAgain = (): void => {
    if (!isFull || clock.monotonicMs() - triedMs < tryAgainMs) return;
    triedMs = clock.monotonicMs();
    try {
      tryWrite();
      isFull = false;
    } catch {
      // Still.
    }
  };
  const noted = <Given extends unknown[], Value>(write: (...given: Given) => Value) => {
    return (...given: Given): Value => {
      try {
        return write(...given);
      } catch (error) {
        note(error);
        throw error;
      }
    };
  };
  return {
    book: {
      ...book,
      open: noted((...given: Parameters<HostBook['open']>) => book.open(...given)),
      append: noted((...given: Parameters<HostBook['append']>) => book.append(...given)),
      end: noted((...given: Parameters<HostBook['end']>) => book.end(...given)),
      confirm: noted((...given: Parameters<HostBook['confirm']>) => book.confirm(...given)),
    },
    note,
    trouble() {
      lookAgain();
      return isFull ? 'the disk of this host is full; make room in its state directory' : '';
    },
  };
}
