// How long to wait before trying again: exponential with full jitter, capped.

export interface BackoffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

/** Milliseconds to wait before retry number `retry` (from 0); `random` is in [0, 1). */
export function backoffMs(retry: number, limits: BackoffLimits, random: number): number {
  const ceiling = Math.min(limits.capMs, limits.baseMs * 2 ** Math.min(retry, 30));
  return Math.round(ceiling * (0.5 + random / 2));
}
