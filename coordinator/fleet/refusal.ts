// What a host says of itself by refusing a start, before its next heartbeat says so too. Without it every attempt that waits would be given
// to a slot that has just failed, and be refused, until then.

import type { SlotId } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { HostDescription } from '../core/state.ts';

/** The host as it is after that; undefined where the refusal says nothing about it. */
export function describedByRefusal(
  description: HostDescription,
  error: unknown,
  slotId: SlotId,
): HostDescription | undefined {
  if (!(error instanceof RpcFault) || !isHostsOwn(error)) return undefined;
  if (error.reason === 'draining') return { ...description, draining: true };
  const unusable = { health: 'unusable', healthReason: error.message };
  return {
    ...description,
    slots: description.slots.map((slot) => (slot.slotId === slotId ? { ...slot, ...unusable } : slot)),
  };
}

/** True where the attempt has nothing to do with it: nothing was begun, and this is no try of it. */
export function isHostsOwn(error: unknown): boolean {
  return error instanceof RpcFault && (error.reason === 'draining' || error.reason === 'unusableSlot');
}
