// The leases of one host: what it may run, and until when.
//
// Owns: who is fenced, and which epochs are too old.
// Leaves to agent.ts: reading the monotonic clock, stopping what is fenced; to the host's book: the highest epoch of each attempt.
// Invariants:
// 1. No decision uses a wall clock: times are monotonic milliseconds that come inside events.
// 2. A lease is fenced at 0.8 of its term since the last renewal, before the coordinator's 1.0 (blueprint §7).
// 3. The epoch of a lease that is held never falls.

import { fenceShare } from '../../shared/core/lease-term.ts';

export interface Lease {
  readonly attemptId: string;
  readonly epoch: number;
  readonly ttlMs: number;
  readonly renewedAtMs: number;
}

/** Those held, by attempt. */
export type Leases = ReadonlyMap<string, Lease>;

export const noLeases: Leases = new Map();

/** What a start under this epoch means. */
export type Offer = 'new' | 'known' | 'newer' | 'older';

/** Classifies a start by the epoch that the book knows: unheard of, the very same, a later execution of the same attempt, or one that is void. */
export function offer(known: number | undefined, epoch: number): Offer {
  if (known === undefined) return 'new';
  return epoch === known ? 'known' : epoch > known ? 'newer' : 'older';
}

/** The host holds the lease from `renewedAtMs` on. An older epoch than the one held changes nothing. */
export function grant(leases: Leases, lease: Lease): Leases {
  const held = leases.get(lease.attemptId);
  if (held !== undefined && lease.epoch < held.epoch) return leases;
  return new Map(leases).set(lease.attemptId, lease);
}

/**
 * One more term from `atMs`; null where the host does not hold this lease under this epoch, or where its time is over. A
 * daemon that was stopped reads an old renewal before its timers: the coordinator has long given the work to others.
 */
export function renew(leases: Leases, attemptId: string, epoch: number, ttlMs: number, atMs: number): Leases | null {
  const lease = leases.get(attemptId);
  if (lease === undefined || lease.epoch !== epoch || atMs >= fenceAtMs(lease)) return null;
  const renewedAtMs = Math.max(lease.renewedAtMs, atMs);
  return new Map(leases).set(attemptId, { ...lease, ttlMs, renewedAtMs });
}

/** The attempt no longer runs under this epoch. */
export function release(leases: Leases, attemptId: string, epoch: number): Leases {
  if (leases.get(attemptId)?.epoch !== epoch) return leases;
  const left = new Map(leases);
  left.delete(attemptId);
  return left;
}

/** When the lease is fenced unless it is renewed. */
function fenceAtMs(lease: Lease): number {
  return lease.renewedAtMs + fenceShare * lease.ttlMs;
}

/** Leases whose work must be stopped now; they are no longer held afterwards. */
export function fence(leases: Leases, atMs: number): { readonly leases: Leases; readonly fenced: readonly Lease[] } {
  const fenced = [...leases.values()].filter((lease) => atMs >= fenceAtMs(lease));
  let left = leases;
  for (const lease of fenced) left = release(left, lease.attemptId, lease.epoch);
  return { leases: left, fenced };
}

/** When the next lease would be fenced; null where none is held. */
export function nextFenceMs(leases: Leases): number | null {
  let next: number | null = null;
  for (const lease of leases.values()) next = Math.min(next ?? Number.POSITIVE_INFINITY, fenceAtMs(lease));
  return next;
}
