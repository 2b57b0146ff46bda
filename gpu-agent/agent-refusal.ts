// What an agent does not do when it is told to.

import type { SlotId } from '../shared/core/ids.ts';
import type { HostSlot } from './slots.ts';

export type RefusalKind = 'staleEpoch' | 'unknownSlot' | 'unusableSlot' | 'slotFull' | 'draining';

/** An order that is refused; no fault of this daemon. */
export class AgentRefusal extends Error {
  override readonly name = 'AgentRefusal';
  readonly kind: RefusalKind;
  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Throws AgentRefusal unless the slot can take one more attempt beside those that it holds. */
export function checkRoom(slot: HostSlot | undefined, id: SlotId, held: number, capacity: number): void {
  if (slot === undefined) throw new AgentRefusal('unknownSlot', `this host has no slot ${id}`);
  if (slot.health === 'unusable') {
    throw new AgentRefusal('unusableSlot', `slot ${id} is unusable: ${slot.healthReason}`);
  }
  if (held >= capacity) throw new AgentRefusal('slotFull', `slot ${id} already holds ${held} attempts`);
}
