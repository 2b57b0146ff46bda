// The port through which the agent learns what GPUs the host has. Implementations: NvidiaSmiGpus and FakeGpus.
//
// Contract:
// 1. `list` names every device that work can be given to: whole GPUs, or the MIG instances of those that are divided.
// 2. A host without a GPU has an empty list; that is no error.
// 3. A device that was there and is not listed any more has fallen off the bus: the caller holds what was there. A driver
//    that says that a device is lost, and tells of no other for that, is asked for each.
// 4. `list` answers within its deadline, also where the driver hangs: then it throws GpuProbeError, which means
//    "unknown", never "gone".

import type { Xid } from './xid.ts';

export type GpuHealth = 'healthy' | 'warning' | 'unusable';

export interface GpuDevice {
  /** `GPU-…` or `MIG-…`; what a sandbox is given. */
  readonly uuid: string;
  readonly kind: 'gpu' | 'mig';
  /** UUID of the whole GPU that a MIG instance is part of. */
  readonly parentUuid?: string;
  /** Where it is, in the form of `busOf`; absent where the driver does not tell. */
  readonly bus?: string;
  readonly name: string;
  readonly memoryBytes: number;
  readonly usedMemoryBytes?: number;
  readonly utilizationPercent?: number;
  readonly temperatureCelsius?: number;
  readonly health: GpuHealth;
  /** Why it is not healthy; empty otherwise. */
  readonly healthReason: string;
}

/** A process that holds memory of a whole GPU. */
export interface GpuProcess {
  readonly uuid: string;
  readonly pid: number;
  readonly usedMemoryBytes: number;
}

export interface Gpus {
  /** Throws GpuProbeError. */
  list(): Promise<GpuDevice[]>;
  /** Processes that hold memory, as far as the driver tells: not of MIG instances. Throws GpuProbeError. */
  processes(): Promise<GpuProcess[]>;
}

/** Failures as the driver writes them down when they happen. */
export interface GpuFaults {
  listen(onXid: (xid: Xid) => void): { stop(): void };
}

/** The driver could not be asked. `message` names the next step. */
export class GpuProbeError extends Error {
  override readonly name = 'GpuProbeError';
}
