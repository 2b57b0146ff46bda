// Whether a failed turn is worth another try, where, and after how long.

import { backoffMs } from '../../shared/core/backoff.ts';

/** Kinds of upstream failure, as upstream/upstream.ts reports them. */
export type FailureKind =
  | 'rateLimited'
  | 'overloaded'
  | 'timeout'
  | 'connection'
  | 'malformed'
  | 'unauthorised'
  | 'contextTooLong'
  | 'refused';

/** How patient the gateway is. */
export interface RetryLimits {
  /** Most tries of one upstream for one turn, the first included. */
  readonly tries: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** Longest wait that an upstream may ask for; a longer one means: not now. */
  readonly longestRetryAfterMs: number;
}

export type RetryDecision =
  | { readonly kind: 'retry'; readonly afterMs: number }
  | { readonly kind: 'nextUpstream' }
  /** No upstream can help: the request itself is at fault. */
  | { readonly kind: 'giveUp' };

/** What to do after try number `tries` (from 1) of an upstream failed; `random` is in [0, 1). */
export function decideRetry(
  failure: { readonly kind: FailureKind; readonly retryAfterMs: number },
  tries: number,
  limits: RetryLimits,
  random: number,
): RetryDecision {
  switch (failure.kind) {
    case 'refused':
    case 'contextTooLong':
      return { kind: 'giveUp' };
    case 'unauthorised':
      return { kind: 'nextUpstream' };
    case 'rateLimited':
    case 'overloaded':
    case 'timeout':
    case 'connection':
    case 'malformed': {
      if (tries >= limits.tries || failure.retryAfterMs > limits.longestRetryAfterMs) return { kind: 'nextUpstream' };
      // A stated wait is honoured in full; the jitter on top keeps a herd from coming back at the same instant.
      const backoff = backoffMs(tries - 1, limits, random);
      return { kind: 'retry', afterMs: Math.max(backoff, failure.retryAfterMs + Math.round(random * limits.baseMs)) };
    }
  }
}
