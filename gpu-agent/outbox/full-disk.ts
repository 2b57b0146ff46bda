// A host whose book cannot be written takes nothing new, and says so with every heartbeat: it would refuse every start, and each would be a
// try of an attempt that another host could have done.

import type { Clock } from '../../shared/clock.ts';
import { isDiskFull } from '../../shared/disk-full.ts';
import type { HostBook } from './host-book.ts';

/** Nothing may be written for long where nothing runs, so it is tried again after this. */
const tryAgainMs = 30_000;

export interface WatchedBook {
  readonly book: HostBook;
  /** Why nothing new begins, in a sentence; empty where nothing is against it. */
  trouble(): string;
}

/** The book, watched for writes that fail for want of room. */
export function watchFullDisk(book: HostBook, clock: Clock): WatchedBook {
  let fullAtMs = Number.NEGATIVE_INFINITY;
  const noted = <Given extends unknown[], Value>(write: (...given: Given) => Value) => {
    return (...given: Given): Value => {
      try {
        const value = write(...given);
        fullAtMs = Number.NEGATIVE_INFINITY;
        return value;
      } catch (error) {
        if (isDiskFull(error)) fullAtMs = clock.monotonicMs();
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
    trouble: () =>
      clock.monotonicMs() - fullAtMs < tryAgainMs
        ? 'the disk of this host is full; make room in its state directory'
        : '',
  };
}
