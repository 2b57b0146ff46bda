// Tries again, with growing pauses, what may work later.

import { type Clock, delay } from '../shared/clock.ts';
import { backoffMs } from '../shared/core/backoff.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly baseMs: number;
  readonly capMs: number;
  /** How long to go on trying, measured from the first try; Infinity until the signal aborts. */
  readonly patienceMs: number;
  /** Whether another try may help. */
  readonly mayHelp: (error: unknown) => boolean;
  /** Called before each pause. */
  readonly onRetry?: (error: unknown, retry: number) => void;
}

/** The first success; rejects with the last error, or with the signal's reason. */
export async function retrying<Value>(attempt: () => Promise<Value>, options: RetryOptions): Promise<Value> {
  const startedMs = options.clock.monotonicMs();
  for (let retry = 0; ; retry += 1) {
    options.signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      options.signal.throwIfAborted();
      const pauseMs = backoffMs(retry, options, options.random());
      const spentMs = options.clock.monotonicMs() - startedMs;
      if (!options.mayHelp(error) || spentMs + pauseMs > options.patienceMs) throw error;
      options.onRetry?.(error, retry);
      await delay(options.clock, pauseMs, options.signal);
    }
  }
}
