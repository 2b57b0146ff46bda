// Which slots this host has, and how they are.
//
// Owns: one slot for each GPU or MIG instance found at the start, or CPU slots where there is none; their health since.
// Leaves to gpu/: asking the driver; to agent.ts: what becomes of attempts on a slot that is unusable.
// Invariants: 1. the set of slots never changes while the daemon runs; 2. a device that is no longer listed is unusable,
// for good; 3. a driver that does not answer makes a slot a warning, and where it does not answer again nothing new begins there
// until it does: unknown is not gone, so what runs there goes on; 4. a device that still holds memory when nothing runs on it
// gets nothing new until it does not, also where it was so when the daemon started.

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
/** What a driver and a screen hold at the most; what is there beyond it at the start was left there. */
const mostIdleBytes = 2 * 2 ** 30;

export interface SlotWatch {
  slots(): readonly HostSlot[];
  /** Calls `fn` whenever the health of any slot has changed. */
  onChange(fn: () => void): void;
  /**
   * To be asked before something begins on a slot. Where nothing runs there it resolves when the device holds no more memory than when it
   * was idle before; rejects where that does not come, and then the slot is unusable until it does. Where something does it only waits for
   * such a look that is under way, in which the memory of what begins now would pass for what was left.
   */
  idle(id: SlotId, isAlone: boolean): Promise<void>;
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
  const looksForIdle = new Map<SlotId, Promise<void>>();
  /** Looks in a row at which the driver did not answer. */
  let unanswered = 0;
  let timer = clock.after(probeEveryMs, probe);

  async function lookAgain(): Promise<void> {
    try {
      const devices = await (gpus as Gpus).list();
      unanswered = 0;
      take(seen(devices, slots, memory));
    } catch (error) {
      unanswered += 1;
      take(slots.map((slot) => unseen(slot, messageChain(error), unanswered > 1)));
    }
  }

  function probe(): void {
    void lookAgain().then(() => {
      if (!stopping.signal.aborted) timer = clock.after(probeEveryMs, probe);
    });
  }

  function take(next: HostSlot[]): void {
    if (stopping.signal.aborted) return;
    const differing = next.filter(
      ({ health, unknown }, index) => health !== slots[index]?.health || unknown !== slots[index]?.unknown,
    );
    slots = next;
    for (const { slotId: id, health, healthReason } of differing) {
      log.warn({ slotId: id, health, healthReason }, 'the health of a slot has changed');
    }
    if (differing.length > 0) changed();
  }

  function idle(id: SlotId, isAlone: boolean): Promise<void> {
    const underWay = looksForIdle.get(id);
    if (underWay !== undefined || !isAlone) return underWay ?? Promise.resolve();
    const look = becomeIdle(id).finally(() => looksForIdle.delete(id));
    looksForIdle.set(id, look);
    return look;
  }

  async function becomeIdle(id: SlotId): Promise<void> {
    const untilMs = clock.monotonicMs() + idlePatienceMs;
    for (;;) {
      const device = (await (gpus as Gpus).list().catch(() => [])).find(({ uuid }) => slotId(uuid) === id);
      // A driver that does not answer tells nothing of its memory: the probes make that a warning.
      if (device === undefined || memory.isIdle(device)) return;
      if (clock.monotonicMs() >= untilMs || stopping.signal.aborted) break;
      await delay(clock, idlePollMs, stopping.signal);
    }
    memory.held.add(id);
    await lookAgain();
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

/** Knows the least that each device was seen to use, and believes that no more than a little is usual. */
function newIdleMemory(): IdleMemory {
  const least = new Map<string, number>();
  return {
    held: new Set(),
    see({ uuid, usedMemoryBytes: used }) {
      if (used !== undefined) least.set(uuid, Math.min(used, least.get(uuid) ?? mostIdleBytes));
    },
    isIdle: ({ uuid, usedMemoryBytes: used }) =>
      used === undefined || used <= (least.get(uuid) ?? mostIdleBytes) + idleToleranceBytes,
  };
}

function seen(devices: readonly GpuDevice[], before: readonly HostSlot[], memory: IdleMemory): HostSlot[] {
  return before.map((slot) => {
    const device = devices.find((candidate) => candidate.uuid === slot.device);
    if (device !== undefined && slot.healthReason !== fellOff) return withMemory(slotOf(device), device, memory);
    const { unknown: _, ...known } = slot;
    return { ...known, health: 'unusable', healthReason: fellOff };
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

/** One that is known to be unusable stays so. */
function unseen(slot: HostSlot, why: string, again: boolean): HostSlot {
  if (slot.health === 'unusable' && slot.unknown !== true) return slot;
  if (!again) return { ...slot, health: 'warning', healthReason: why };
  return { ...slot, health: 'unusable', healthReason: `${why}; nothing new begins until it answers`, unknown: true };
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
