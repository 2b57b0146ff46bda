// The circuit breaker of one upstream: after failures in a row it is left alone for a while, then one call tries it.
//
//   closed ──`failures` in a row──▶ open ──`coolDownMs`──▶ probing ──answer──▶ closed
//     ▲                              ▲                        │
//     └────── an answer ─────────    └────────failure─────────┘

/** When an upstream is left alone, and for how long. */
export interface BreakerLimits {
  /** Failures in a row after which it is left alone. */
  readonly failures: number;
  readonly coolDownMs: number;
}

export type Breaker =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number }
  /** One call is trying; a probe that never comes back is given up at `untilMs`. */
  | { readonly kind: 'probing'; readonly untilMs: number };

export const closedBreaker: Breaker = { kind: 'closed', failures: 0 };

/** Whether a call may go out now, and the state after letting it; `waitMs` says when to ask again. */
export function admitCall(
  breaker: Breaker,
  nowMs: number,
  limits: BreakerLimits,
): { readonly admitted: true; readonly next: Breaker } | { readonly admitted: false; readonly waitMs: number } {
  if (breaker.kind === 'closed') return { admitted: true, next: breaker };
  if (nowMs < breaker.untilMs) return { admitted: false, waitMs: breaker.untilMs - nowMs };
  return { admitted: true, next: { kind: 'probing', untilMs: nowMs + limits.coolDownMs } };
}

/** The state after the outcome of a call that was admitted. */
export function afterCall(breaker: Breaker, healthy: boolean, nowMs: number, limits: BreakerLimits): Breaker {
  if (healthy) return closedBreaker;
  // Calls that were under way when it opened say nothing new.
  if (breaker.kind === 'open') return breaker;
  const failures = breaker.kind === 'closed' ? breaker.failures + 1 : limits.failures;
  if (failures < limits.failures) return { kind: 'closed', failures };
  return { kind: 'open', untilMs: nowMs + limits.coolDownMs };
}
