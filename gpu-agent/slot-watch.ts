// Which slots this host has, and how they are.
//
// Owns: one slot for each GPU or MIG instance found at the start, or CPU slots where there is none; their health since.
// Leaves to gpu/: asking the driver; to agent.ts: what becomes of attempts on a slot that is unusable.
// Invariants: 1. the set of slots never changes while the daemon runs; 2. a device that is no longer listed is unusable,
// for good; 3. a driver that does not answer makes a slot a warning, never unusable: unknown is not gone.

import type { Clock } from '../shared/clock.ts';
import { slotId } from '../shared/core/ids.ts';
import { type Logger, messageChain } from '../shared/log.ts';
import type { GpuDevice, Gpus } from './gpu/gpus.ts';
import { cpuSlots, type HostSlot } from './slots.ts';

/** A lost GPU is to be quarantined within 5 s. */
const probeEveryMs = 4000;

export interface SlotWatch {
  slots(): readonly HostSlot[];
  /** Calls `fn` whenever the health of any slot has changed. */
  onChange(fn: () => void): void;
  stop(): void;
}

export interface SlotWatchOptions {
  /** Absent on a host that is known to have none. */
  readonly gpus?: Gpus;
  /** Slots of a host without GPUs. */
  readonly cpuCount: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks once, then goes on looking where there are GPUs. Throws GpuProbeError where the driver cannot be asked. */
export async function watchSlots({ gpus, cpuCount, clock, log }: SlotWatchOptions): Promise<SlotWatch> {
  const devices = (await gpus?.list()) ?? [];
  if (gpus === undefined || devices.length === 0) {
    const fixed = cpuSlots(cpuCount);
    return { slots: () => fixed, onChange: () => undefined, stop: () => undefined };
  }
  let slots = devices.map(slotOf);
  let changed: () => void = () => undefined;
  const stopping = new AbortController();
  let timer = clock.after(probeEveryMs, probe);

  function probe(): void {
    void look(gpus as Gpus, slots).then(take);
  }

  function take(next: HostSlot[]): void {
    if (stopping.signal.aborted) return;
    const differing = next.filter((slot, index) => slot.health !== slots[index]?.health);
    slots = next;
    for (const { slotId: id, health, healthReason } of differing) {
      log.warn({ slotId: id, health, healthReason }, 'the health of a slot has changed');
    }
    if (differing.length > 0) changed();
    timer = clock.after(probeEveryMs, probe);
  }

  return {
    slots: () => slots,
    onChange(fn) {
      changed = fn;
    },
    stop() {
      stopping.abort();
      timer.cancel();
    },
  };
}

async function look(gpus: Gpus, before: readonly HostSlot[]): Promise<HostSlot[]> {
  let devices: GpuDevice[];
  try {
    devices = await gpus.list();
  } catch (error) {
    return before.map((slot) => worse(slot, messageChain(error)));
  }
  return before.map((slot) => {
    const device = devices.find((candidate) => candidate.uuid === slot.device);
    if (device !== undefined && slot.healthReason !== fellOff) return slotOf(device);
    return { ...slot, health: 'unusable', healthReason: fellOff };
  });
}

const fellOff = 'the device has fallen off the bus; reset it or reboot the host, then restart the agent';

function worse(slot: HostSlot, healthReason: string): HostSlot {
  return slot.health === 'unusable' ? slot : { ...slot, health: 'warning', healthReason };
}

function slotOf(device: GpuDevice): HostSlot {
  return {
    slotId: slotId(device.uuid),
    kind: 'gpu',
    deviceName: device.name,
    deviceMemoryBytes: device.memoryBytes,
    health: device.health,
    healthReason: device.healthReason,
    device: device.uuid,
  };
}
