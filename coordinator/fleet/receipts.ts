// Tells a host which of its events the journal holds: many at once, and again until the host has taken them.
//
// A renewal carries what waits, so a host costs no calls of its own for them. They go by themselves where a host does not read them
// in a renewal or could not write them down, where renewals fail or are rare, and where a host is being emptied, which waits for them.

import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';

/** Receipts that wait for a host that does not answer; it sends its events again, and then they are confirmed again. */
const most = 10_000;
const atOnce = 1000;
/** What is not confirmed a host repeats after 30 s. */
const longestMs = 15_000;

export interface ReceiptsOptions {
  /** Rejects where the host did not take them. */
  readonly deliver: (sequences: readonly number[]) => Promise<unknown>;
  /** The longest time in which a renewal comes by, in milliseconds. */
  readonly renewalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The receipts of one host. */
export class Receipts {
  private readonly options: ReceiptsOptions;
  private readonly waiting = new Set<number>();
  /** Since when some wait that no renewal has carried. */
  private sinceMs: number = 0;
  private sending: boolean = false;
  private stopped: boolean = false;

  constructor(options: ReceiptsOptions) {
    this.options = options;
  }

  add(sequence: number): void {
    if (this.waiting.size === 0) this.sinceMs = this.options.clock.monotonicMs();
    if (this.waiting.size < most) this.waiting.add(sequence);
  }

  /** What a renewal may carry; it waits on until the host says that it has taken it. */
  next(): number[] {
    return [...this.waiting].slice(0, atOnce);
  }

  taken(sequences: readonly number[]): void {
    for (const sequence of sequences) this.waiting.delete(sequence);
    this.sinceMs = this.options.clock.monotonicMs();
  }

  /** Sends what no renewal has carried in its time. */
  sendOverdue(): void {
    const { clock, renewalMs } = this.options;
    if (clock.monotonicMs() - this.sinceMs >= Math.min(renewalMs, longestMs)) void this.send();
  }

  /** Sends what waits; what could not be delivered waits for the next call. Never rejects. */
  async send(): Promise<void> {
    if (this.sending || this.stopped) return;
    this.sending = true;
    try {
      for (let sequences = this.next(); sequences.length > 0 && !this.stopped; sequences = this.next()) {
        await this.options.deliver(sequences);
        this.taken(sequences);
      }
    } catch (error) {
      this.options.log.debug({ error }, 'receipts could not be delivered');
    } finally {
      this.sending = false;
    }
  }

  forget(): void {
    this.waiting.clear();
  }

  stop(): void {
    this.stopped = true;
  }
}
