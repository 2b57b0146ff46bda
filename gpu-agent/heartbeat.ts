// What a host says of itself once a second.

import type { Heartbeat } from '../shared/bus/messages.ts';
import type { HostDescription } from './slots.ts';

/** The heartbeat number `seq` since the boot. */
export function heartbeatOf(description: HostDescription, address: string, seq: number): Heartbeat {
  const { imageDigest: _image, slots, ...host } = description;
  return {
    v: 1,
    ...host,
    seq,
    address,
    slots: slots.map(({ device: _device, attempts, ...slot }) => ({
      ...slot,
      attempts: attempts.map(({ attemptId, epoch }) => ({ attemptId, epoch })),
    })),
  };
}
