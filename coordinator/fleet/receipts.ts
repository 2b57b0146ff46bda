// Tells a host which of its events the journal holds: many with one call, and again until the host has taken them.

import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';

/** Receipts that wait for a host that does not answer; it sends its events again, and then they are confirmed again. */
const most = 10_000;
const atOnce = 1000;
/**
 * Receipts are waited with for so long, because one call carries many: on a slot the end of an attempt is followed by the start of the next.
 * Nothing on the host waits for them but its shutdown, and what is not confirmed is repeated after 30 s only.
 */
const gatherMs = 200;

export interface ReceiptsOptions {
  /** Rejects where the host did not take them. */
  readonly deliver: (sequences: readonly number[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The receipts of one host. */
export class Receipts {
  private readonly options: ReceiptsOptions;
  private readonly waiting: number[] = [];
  private gathering: { cancel(): void } | undefined;
  private sending: boolean = false;
  private stopped: boolean = false;

  constructor(options: ReceiptsOptions) {
    this.options = options;
  }

  add(sequence: number): void {
    if (this.waiting.length < most) this.waiting.push(sequence);
    if (this.stopped) return;
    this.gathering ??= this.options.clock.after(gatherMs, () => {
      this.gathering = undefined;
      void this.send();
    });
  }

  /** Sends what waits; what could not be delivered waits for the next call. Never rejects. */
  async send(): Promise<void> {
    if (this.sending || this.waiting.length === 0 || this.stopped) return;
    this.sending = true;
    try {
      while (this.waiting.length > 0) {
        const sequences = this.waiting.slice(0, atOnce);
        await this.options.deliver(sequences);
        this.waiting.splice(0, sequences.length);
      }
    } catch (error) {
      this.options.log.debug({ error }, 'receipts could not be delivered');
    } finally {
      this.sending = false;
    }
  }

  stop(): void {
    this.stopped = true;
    this.gathering?.cancel();
  }
}
