// Which slots this host has, and how they are.
//
// Owns: one slot for each GPU or MIG instance found at the start, or CPU slots where there is none; their health since.
// Leaves to gpu/: asking the driver; to agent.ts: what becomes of attempts on a slot that is unusable.
// Invariants: 1. the set of slots never changes while the daemon runs; 2. a device that is no longer listed is unusable,
// for good, and so is one of which the kernel's log tells a failure; 3. a driver that does not answer makes a slot a warning, and where it does not answer again nothing new begins there
// until it does: unknown is not gone, so what runs there goes on; 4. a device that still holds memory when nothing runs on it
// gets nothing new until it does not, also where it was so when the daemon started.

import { type Clock, delay } from '../shared/clock.ts';
import { type SlotId, slotId } from '../shared/core/ids.ts';
import { type Logger, messageChain } from '../shared/log.ts';
import type { GpuDevice, GpuFaults, Gpus } from './gpu/gpus.ts';
import { failureOf, type Xid } from './gpu/xid.ts';
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
  readonly faults?: GpuFaults;
  /** Slots of a host without GPUs. */
  readonly cpuCount: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks once, then goes on looking where there are GPUs. Throws GpuProbeError where the driver cannot be asked. */
export async function watchSlots(options: SlotWatchOptions): Promise<SlotWatch> {
  const { gpus, cpuCount } = options;
  const devices = (await gpus?.list()) ?? [];
  if (gpus !== undefined && devices.length > 0) return new DeviceWatch({ ...options, gpus }, devices);
  const fixed = cpuSlots(cpuCount);
  return {
    slots: () => fixed,
    onChange: () => undefined,
    idle: () => Promise.resolve(),
    stop: () => undefined,
  };
}

class DeviceWatch implements SlotWatch {
  private readonly options: SlotWatchOptions & { readonly gpus: Gpus };
  private current: readonly WatchedSlot[];
  private readonly buses: ReadonlyMap<SlotId, string>;
  private readonly memory: IdleMemory = newIdleMemory();
  private readonly looksForIdle = new Map<SlotId, Promise<void>>();
  /** Looks in a row at which the driver did not answer. */
  private unanswered = 0;
  private changed: () => void = () => undefined;
  private readonly stopping = new AbortController();
  private timer: { cancel(): void };
  private readonly listening: { stop(): void } | undefined;

  constructor(options: SlotWatchOptions & { readonly gpus: Gpus }, devices: readonly GpuDevice[]) {
    this.options = options;
    this.current = devices.map(slotOf);
    for (const device of devices) this.memory.see(device);
    this.buses = new Map(devices.flatMap(({ uuid, bus }) => (bus === undefined ? [] : [[slotId(uuid), bus] as const])));
    this.listening = options.faults?.listen((xid) => this.hear(xid));
    this.timer = options.clock.after(probeEveryMs, () => this.probe());
  }

  slots(): readonly HostSlot[] {
    return this.current;
  }

  onChange(fn: () => void): void {
    this.changed = fn;
  }

  idle(id: SlotId, isAlone: boolean): Promise<void> {
    const underWay = this.looksForIdle.get(id);
    if (underWay !== undefined || !isAlone) return underWay ?? Promise.resolve();
    const look = this.becomeIdle(id).finally(() => this.looksForIdle.delete(id));
    this.looksForIdle.set(id, look);
    return look;
  }

  stop(): void {
    this.stopping.abort();
    this.timer.cancel();
    this.listening?.stop();
  }

  private probe(): void {
    void this.look().then(() => {
      if (!this.stopping.signal.aborted) this.timer = this.options.clock.after(probeEveryMs, () => this.probe());
    });
  }

  private async look(): Promise<void> {
    try {
      const devices = await this.options.gpus.list();
      this.unanswered = 0;
      this.take(seen(devices, this.current, this.memory));
    } catch (error) {
      this.unanswered += 1;
      this.take(this.current.map((slot) => unseen(slot, messageChain(error), this.unanswered > 1)));
    }
  }

  private hear({ bus, code }: Xid): void {
    const why = failureOf(code);
    // What a program does wrong is told there too, and a sandbox can have it told as often as it likes.
    if (why === undefined) return;
    this.options.log.warn({ bus, xid: code, why }, 'the kernel tells a failure of a GPU');
    this.take(this.current.map((slot) => (this.buses.get(slot.slotId) === bus ? failed(slot, why) : slot)));
  }

  private take(next: readonly WatchedSlot[]): void {
    if (this.stopping.signal.aborted) return;
    const before = this.current;
    const differing = next.filter(
      ({ health, unknown }, index) => health !== before[index]?.health || unknown !== before[index]?.unknown,
    );
    this.current = next;
    for (const { slotId: id, health, healthReason } of differing) {
      this.options.log.warn({ slotId: id, health, healthReason }, 'the health of a slot has changed');
    }
    if (differing.length > 0) this.changed();
  }

  private async becomeIdle(id: SlotId): Promise<void> {
    const { clock, gpus } = this.options;
    const untilMs = clock.monotonicMs() + idlePatienceMs;
    for (;;) {
      const device = (await gpus.list().catch(() => [])).find(({ uuid }) => slotId(uuid) === id);
      // A driver that does not answer tells nothing of its memory: the looks see to that.
      if (device === undefined && !this.memory.held.has(id)) return;
      if (device !== undefined && this.memory.isIdle(device)) return;
      if (device !== undefined && (clock.monotonicMs() >= untilMs || this.stopping.signal.aborted)) {
        this.memory.held.add(id);
        this.take(this.current.map((slot) => (slot.slotId === id ? withMemory(slot, device, this.memory) : slot)));
      }
      if (this.memory.held.has(id)) break;
      await delay(clock, idlePollMs, this.stopping.signal);
    }
    throw new Error(this.current.find((slot) => slot.slotId === id)?.healthReason || `slot ${id} is not idle`);
  }
}

interface WatchedSlot extends HostSlot {
  /** True where it is unusable until the daemon starts again. */
  readonly failed?: boolean;
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

function seen(devices: readonly GpuDevice[], before: readonly WatchedSlot[], memory: IdleMemory): WatchedSlot[] {
  return before.map((slot) => {
    const device = devices.find((candidate) => candidate.uuid === slot.device);
    if (slot.failed === true) return slot;
    return device === undefined ? failed(slot, fellOff) : withMemory(slotOf(device), device, memory);
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

/** For good: only a reset mends it, and a daemon that starts after that knows nothing of it. */
function failed({ unknown: _, ...slot }: WatchedSlot, healthReason: string): WatchedSlot {
  return { ...slot, health: 'unusable', healthReason, failed: true };
}

const fellOff = 'the device has fallen off the bus; reset it or reboot the host, then restart the agent';

/** One that is known to be unusable stays so. */
function unseen(slot: WatchedSlot, why: string, again: boolean): WatchedSlot {
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
