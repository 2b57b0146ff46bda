// The slots of this host as the agent sees them, and what it says of itself.

import type { SlotId } from '../shared/core/ids.ts';
import type { Bounds } from '../shared/sandbox/container-host.ts';

type SlotHealth = 'healthy' | 'warning' | 'unusable';

/** A place where attempts run. */
export interface HostSlot {
  readonly slotId: SlotId;
  readonly kind: 'cpu' | 'gpu';
  readonly deviceName: string;
  readonly deviceMemoryBytes: number;
  readonly health: SlotHealth;
  /** Why it is not healthy; empty otherwise. */
  readonly healthReason: string;
  /** True where it is unusable only for what would begin there: what runs there goes on. */
  readonly runsOn?: boolean;
  /** GPU or MIG UUID to pass through; absent on a CPU slot. */
  readonly device?: string;
}

/** CPU slots cpu-0 … cpu-(count-1). */
export function cpuSlots(count: number): HostSlot[] {
  return Array.from({ length: count }, (_, index) => ({
    slotId: `cpu-${index}` as SlotId,
    kind: 'cpu',
    deviceName: '',
    deviceMemoryBytes: 0,
    health: 'healthy',
    healthReason: '',
  }));
}

/** Names one execution of one attempt. */
export interface AttemptName {
  readonly attemptId: string;
  readonly epoch: number;
}

/** A slot with what is on it now. */
export interface SlotReport extends HostSlot {
  readonly capacity: number;
  readonly attempts: readonly (AttemptName & { readonly runId: string })[];
}

/** A host as it is now. */
export interface HostDescription {
  readonly host: string;
  readonly bootId: string;
  readonly version: string;
  readonly imageDigest: string;
  readonly largestSandbox?: Bounds | undefined;
  readonly draining: boolean;
  readonly outboxEvents: number;
  readonly slots: readonly SlotReport[];
}
