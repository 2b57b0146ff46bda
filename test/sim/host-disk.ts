// The disk under a host's book: what nobody waited for may be gone when the power is lost, the newest first, as with a log that is
// written from front to end. The book is the real one, in memory; its writes are kept to make it again without the last of them.

import { type HostBook, openHostBook } from '../../gpu-agent/outbox/host-book.ts';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import type { Clock } from '../../shared/clock.ts';
import { nextFloat, nextInt, type Rng } from '../../shared/core/rng.ts';

/** Milliseconds of a flush: mostly a few, now and then a disk that is busy. */
const flushMs = { least: 1, most: 400 } as const;

export class HostDisk {
  private book: HostBook = openHostBook(':memory:');
  private readonly rng: Rng;
  private writes: ((book: HostBook) => unknown)[] = [];
  private durable = 0;
  isFull: boolean = false;

  constructor(rng: Rng) {
    this.rng = rng;
  }

  /** The book as a daemon has it that lives by this clock. */
  openBook(clock: Clock): HostBook {
    const write = <Value>(work: (book: HostBook) => Value): Value => {
      if (this.isFull) throw new Error('database or disk is full');
      this.writes.push(work);
      return work(this.book);
    };
    return {
      open: (...given) => write((book) => book.open(...given)),
      append: (...given) => write((book) => book.append(...given)),
      end: (...given) => write((book) => book.end(...given)),
      confirm: (sequences) => write((book) => book.confirm(sequences)),
      epochOf: (attemptId) => this.book.epochOf(attemptId),
      attempt: (attemptId) => this.book.attempt(attemptId),
      attempts: () => this.book.attempts(),
      entries: (attemptId, from) => this.book.entries(attemptId, from),
      transcript: (order) => this.book.transcript(order),
      pendingEvents: (limit) => this.book.pendingEvents(limit),
      pendingCount: () => this.book.pendingCount(),
      isPending: (seq) => this.book.isPending(seq),
      awaitsReceipt: (attemptId, epoch) => this.book.awaitsReceipt(attemptId, epoch),
      flush: () => this.flush(clock),
      close: () => undefined,
    };
  }

  /** What waits for a receipt. */
  pendingEvents(): ResultEvent[] {
    return this.book.pendingEvents(10_000);
  }

  pendingCount(): number {
    return this.book.pendingCount();
  }

  losePower(): void {
    const kept = this.durable + nextInt(this.rng, this.writes.length - this.durable + 1);
    this.writes = this.writes.slice(0, kept);
    this.durable = kept;
    this.book.close();
    this.book = openHostBook(':memory:');
    for (const work of this.writes) work(this.book);
  }

  close(): void {
    this.book.close();
  }

  private async flush(clock: Clock): Promise<void> {
    const upTo = this.writes.length;
    const ms = flushMs.least + (flushMs.most - flushMs.least) * nextFloat(this.rng) ** 6;
    await new Promise<void>((resolve) => clock.after(ms, resolve));
    this.durable = Math.max(this.durable, upTo);
  }
}
