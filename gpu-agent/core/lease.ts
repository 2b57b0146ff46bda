// The leases of one host: what it may run, and until when.
//
// Owns: who is fenced, and which epochs are too old.
// Leaves to agent.ts: reading the monotonic clock, stopping what is fenced, keeping the highest epoch on disk.
// Invariants:
// 1. No decision uses a wall clock: times are monotonic milliseconds that come inside events.
// 2. A lease is fenced at 0.8 of its term since the last renewal, before the coordinator's 1.0 (blueprint §7).
// 3. An attempt's epoch never falls while the book knows it; what carries an older one is refused.

import { fenceShare } from '../../shared/core/lease-term.ts';

export interface Lease {
  readonly attemptId: string;
  readonly epoch: number;
  readonly ttlMs: number;
  readonly renewedAtMs: number;
}

export interface Leases {
  readonly held: ReadonlyMap<string, Lease>;
  /** The highest epoch seen of each attempt that the host's book still knows. */
  readonly epochs: ReadonlyMap<string, number>;
}

export const noLeases: Leases = { held: new Map(), epochs: new Map() };

/** What a start under this epoch means. */
export type Offer = 'new' | 'known' | 'newer' | 'older';

/** Classifies a start: unheard of, the very same, a later execution of the same attempt, or one that is void. */
export function offer(leases: Leases, attemptId: string, epoch: number): Offer {
  const known = leases.epochs.get(attemptId);
  if (known === undefined) return 'new';
  return epoch === known ? 'known' : epoch > known ? 'newer' : 'older';
}

/** The host holds the lease from `atMs` on. An older epoch changes nothing. */
export function grant(leases: Leases, lease: Lease): Leases {
  const known = leases.epochs.get(lease.attemptId);
  if (known !== undefined && lease.epoch < known) return leases;
  return {
    held: new Map(leases.held).set(lease.attemptId, lease),
    epochs: new Map(leases.epochs).set(lease.attemptId, lease.epoch),
  };
}

/** An epoch that the book knows from before, without a lease on it. */
export function remember(leases: Leases, attemptId: string, epoch: number): Leases {
  const known = leases.epochs.get(attemptId) ?? -1;
  return epoch <= known ? leases : { ...leases, epochs: new Map(leases.epochs).set(attemptId, epoch) };
}

/**
 * One more term from `atMs`; null where the host does not hold this lease under this epoch, or where its time is over. A
 * daemon that was stopped reads an old renewal before its timers: the coordinator has long given the work to others.
 */
export function renew(leases: Leases, attemptId: string, epoch: number, ttlMs: number, atMs: number): Leases | null {
  const lease = leases.held.get(attemptId);
  if (lease === undefined || lease.epoch !== epoch || atMs >= fenceAtMs(lease)) return null;
  const renewedAtMs = Math.max(lease.renewedAtMs, atMs);
  return { ...leases, held: new Map(leases.held).set(attemptId, { ...lease, ttlMs, renewedAtMs }) };
}

/** The attempt no longer runs under this epoch. */
export function release(leases: Leases, attemptId: string, epoch: number): Leases {
  if (leases.held.get(attemptId)?.epoch !== epoch) return leases;
  const held = new Map(leases.held);
  held.delete(attemptId);
  return { ...leases, held };
}

/** The book no longer knows these attempts. */
export function forget(leases: Leases, attemptIds: readonly string[]): Leases {
  const gone = attemptIds.filter((id) => !leases.held.has(id) && leases.epochs.has(id));
  if (gone.length === 0) return leases;
  const epochs = new Map(leases.epochs);
  for (const id of gone) epochs.delete(id);
  return { ...leases, epochs };
}

/** When the lease is fenced unless it is renewed. */
function fenceAtMs(lease: Lease): number {
  return lease.renewedAtMs + fenceShare * lease.ttlMs;
}

/** Leases whose work must be stopped now; they are no longer held afterwards. */
export function fence(leases: Leases, atMs: number): { readonly leases: Leases; readonly fenced: readonly Lease[] } {
  const fenced = [...leases.held.values()].filter((lease) => atMs >= fenceAtMs(lease));
  let left = leases;
  for (const lease of fenced) left = release(left, lease.attemptId, lease.epoch);
  return { leases: left, fenced };
}

/** When the next lease would be fenced; null where none is held. */
export function nextFenceMs(leases: Leases): number | null {
  let next: number | null = null;
  for (const lease of leases.held.values()) next = Math.min(next ?? Number.POSITIVE_INFINITY, fenceAtMs(lease));
  return next;
}
