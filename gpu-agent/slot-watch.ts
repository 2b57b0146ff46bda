// Which slots this host has, and how they are.
//
// Owns: one slot for each GPU or MIG instance found at the start, or CPU slots where there is none; their health since.
// Leaves to gpu/: asking the driver; to agent.ts: what becomes of attempts on a slot that is unusable.
// Invariants: 1. the set of slots never changes while the daemon runs; 2. a device that is no longer listed is unusable,
// for good; 3. a driver that does not answer makes a slot a warning, never unusable: unknown is not gone;
// 4. a device that still holds memory when nothing runs on it gets nothing new until it does not.

import { type Clock, delay } from '../shared/clock.ts';
import { type SlotId, slotId } from '../shared/core/ids.ts';
import { type Logger, messageChain } from '../shared/log.ts';
import type { GpuDevice, Gpus } from './gpu/gpus.ts';
import { cpuSlots, type HostSlot } from './slots.ts';

/** A lost GPU is to be quarantined within 5 s. */
const probeEveryMs = 4000;
/** The driver frees what a killed process had within a second or two. */
const idlePatienceMs = 10_000;
const idlePollMs = 500;
/** What the driver itself takes comes and goes by some hundred megabytes. */
const idleToleranceBytes = 512 * 2 ** 20;

export interface SlotWatch {
  slots(): readonly HostSlot[];
  /** Calls `fn` whenever the health of any slot has changed. */
  onChange(fn: () => void): void;
  /**
   * To be asked before something begins on a slot on which nothing runs. Resolves when the device holds no more memory than when it was
   * idle before; rejects where that does not come, and then the slot is unusable until it does.
   */
  idle(id: SlotId): Promise<void>;
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
    return {
      slots: () => fixed,
      onChange: () => undefined,
      idle: () => Promise.resolve(),
      stop: () => undefined,
    };
  }
  let slots = devices.map(slotOf);
  const memory = newIdleMemory();
  for (const device of devices) memory.see(device);
  let changed: () => void = () => undefined;
  const stopping = new AbortController();
  let timer = clock.after(probeEveryMs, probe);

  function probe(): void {
    void look(gpus as Gpus, slots, memory)
      .then(take)
      .then(() => {
        if (!stopping.signal.aborted) timer = clock.after(probeEveryMs, probe);
      });
  }

  function take(next: HostSlot[]): void {
    if (stopping.signal.aborted) return;
    const differing = next.filter((slot, index) => slot.health !== slots[index]?.health);
    slots = next;
    for (const { slotId: id, health, healthReason } of differing) {
      log.warn({ slotId: id, health, healthReason }, 'the health of a slot has changed');
    }
    if (differing.length > 0) changed();
  }

  async function idle(id: SlotId): Promise<void> {
    const untilMs = clock.monotonicMs() + idlePatienceMs;
    for (;;) {
      const device = (await (gpus as Gpus).list().catch(() => [])).find(({ uuid }) => slotId(uuid) === id);
      // A driver that does not answer tells nothing of its memory: the probes make that a warning.
      if (device === undefined || memory.isIdle(device)) return;
      if (clock.monotonicMs() >= untilMs || stopping.signal.aborted) break;
      await delay(clock, idlePollMs, stopping.signal);
    }
    memory.held.add(id);
    take(await look(gpus as Gpus, slots, memory));
    throw new Error(slots.find((slot) => slot.slotId === id)?.healthReason ?? `slot ${id} is not idle`);
  }

  return {
    slots: () => slots,
    onChange(fn) {
      changed = fn;
    },
    idle,
    stop() {
      stopping.abort();
      timer.cancel();
    },
  };
}

interface IdleMemory {
  /** Devices that still held memory when something was to begin there. */
  readonly held: Set<SlotId>;
  see(device: GpuDevice): void;
  isIdle(device: GpuDevice): boolean;
}

/** Knows the least that each device was seen to use: what an earlier daemon left there at first is no measure. */
function newIdleMemory(): IdleMemory {
  const least = new Map<string, number>();
  return {
    held: new Set(),
    see({ uuid, usedMemoryBytes: used }) {
      if (used !== undefined) least.set(uuid, Math.min(used, least.get(uuid) ?? used));
    },
    isIdle: ({ uuid, usedMemoryBytes: used }) =>
      used === undefined || used <= (least.get(uuid) ?? used) + idleToleranceBytes,
  };
}

async function look(gpus: Gpus, before: readonly HostSlot[], memory: IdleMemory): Promise<HostSlot[]> {
  let devices: GpuDevice[];
  try {
    devices = await gpus.list();
  } catch (error) {
    return before.map((slot) => worse(slot, messageChain(error)));
  }
  return before.map((slot) => {
    const device = devices.find((candidate) => candidate.uuid === slot.device);
    if (device !== undefined && slot.healthReason !== fellOff) return withMemory(slotOf(device), device, memory);
    return { ...slot, health: 'unusable', healthReason: fellOff };
  });
}

/** Nothing begins on a slot that is held, so what it uses is what was left there. */
function withMemory(slot: HostSlot, device: GpuDevice, memory: IdleMemory): HostSlot {
  memory.see(device);
  if (!memory.held.has(slot.slotId)) return slot;
  if (memory.isIdle(device)) {
    memory.held.delete(slot.slotId);
    return slot;
  }
  const gibibytes = ((device.usedMemoryBytes ?? 0) / 2 ** 30).toFixed(1);
  const healthReason = `${gibibytes} GiB of its memory are in use though nothing runs here; find the process with nvidia-smi and end it`;
  return slot.health === 'unusable' ? slot : { ...slot, health: 'unusable', healthReason };
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
