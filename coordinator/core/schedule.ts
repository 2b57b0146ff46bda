// Where the next attempt can run: an index of the slots with a free lane.
//
// Slots lie in buckets by the attempts they carry; the emptiest bucket is served first, so that attempts spread over slots
// before they share one. Within a bucket it is first in, first out. The index is a cache of the hosts' state: it is
// rebuilt by the same calls when a journal is folded, and no journaled decision depends on its order.

import type { HostName, SlotId } from '../../shared/core/ids.ts';
import type { FreeSlots, Host, SandboxBounds, Slot } from './state.ts';

/** True where the host may get new attempts. */
export function takesWork(host: Host): boolean {
  return !host.lost && !host.suspected && !host.cordoned && host.drain === undefined && !host.description.draining;
}

/** Puts a slot where it now belongs. To be called after every change of its load or of its host. */
export function place(free: FreeSlots, host: Host, slot: Slot): void {
  const usable = takesWork(host) && slot.description.health !== 'unusable' && slot.description.capacity > 0;
  const bucket = usable && slot.load < slot.description.capacity ? slot.load : -1;
  if (usable) free.schedulable.add(slot);
  else free.schedulable.delete(slot);
  if (slot.bucket === bucket) return;
  if (slot.bucket >= 0) free.buckets[slot.bucket]?.delete(slot);
  slot.bucket = bucket;
  if (bucket < 0) return;
  while (free.buckets.length <= bucket) free.buckets.push(new Set());
  free.buckets[bucket]?.add(slot);
}

/** Takes a slot out of the index for good. */
export function displace(free: FreeSlots, slot: Slot): void {
  free.schedulable.delete(slot);
  if (slot.bucket >= 0) free.buckets[slot.bucket]?.delete(slot);
  slot.bucket = -1;
}

/** Where an attempt ran before and should not run again if there is a choice. */
export interface Avoided {
  readonly host: HostName | undefined;
  readonly slotId: SlotId | undefined;
}

/** True where the host allows a sandbox with these limits, or does not tell what it allows. */
export function allows({ description: { largestSandbox: most } }: Host, limits: SandboxBounds): boolean {
  return most === undefined || (limits.cpus <= most.cpus && limits.memoryBytes <= most.memoryBytes);
}

/**
 * The slot for the next attempt, among those that fit: best on a host that is not to be avoided. Undefined where none is
 * free.
 */
export function pickSlot(free: FreeSlots, fits: (slot: Slot) => boolean, avoid?: Avoided): Slot | undefined {
  let sameHost: Slot | undefined;
  let sameSlot: Slot | undefined;
  for (const bucket of free.buckets) {
    for (const slot of bucket) {
      if (!fits(slot)) continue;
      if (slot.host !== avoid?.host) return slot;
      if (slot.description.slotId !== avoid.slotId) sameHost ??= slot;
      else sameSlot = slot;
    }
  }
  return sameHost ?? sameSlot;
}
