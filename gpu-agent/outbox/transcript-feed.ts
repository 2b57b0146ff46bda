// Transcripts as they grow, for those who watch.

import type { HostBook } from './host-book.ts';

export class TranscriptFeed {
  readonly #book: Pick<HostBook, 'entries'>;
  readonly #grows: (attemptId: string) => boolean;
  #waiting = new Set<() => void>();

  /** `grows` tells whether an attempt may still add entries. */
  constructor(book: Pick<HostBook, 'entries'>, grows: (attemptId: string) => boolean) {
    this.#book = book;
    this.#grows = grows;
  }

  /** Some transcript has a new entry, or some attempt has ended. */
  changed(): void {
    const waking = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waking) wake();
  }

  /** The entries from one on, and where `follow` is set those to come, until the attempt ends or the signal aborts. */
  async *entries(
    attemptId: string,
    from: number,
    follow: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<{ entry: number; json: string }> {
    let next = from;
    for (;;) {
      // Both before reading: what happens while the reader is slow must not be missed.
      const change = this.#change(signal);
      const last = !follow || !this.#grows(attemptId) || signal.aborted;
      for (const entry of this.#book.entries(attemptId, next)) {
        yield entry;
        next = entry.entry + 1;
      }
      if (last) return;
      await change;
    }
  }

  /** Resolves at the next change, or when the signal aborts. */
  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
  }
}
