// Which slots this host has, and how they are.
//
// Owns: one slot for each GPU or MIG instance found at the start, or CPU slots where there is none; their health since.
// Leaves to gpu/: asking the driver; to gpu/gpu-memory.ts: what of a device's memory was left there; to agent.ts: what becomes of attempts
// on a slot that is unusable.
// Invariants: 1. the set of slots never changes while the daemon runs; 2. a device that is no longer listed is unusable,
// for good, and so is one of which the kernel's log tells a failure; 3. a driver that does not answer makes a slot a warning, and where it does not answer again nothing new begins there
// until it does: unknown is not gone, so what runs there goes on; 4. a device that holds memory that was left there gets nothing new until
// it does not, also where it was so when the daemon started; what runs there goes on.

import { type Clock, delay } from '../shared/clock.ts';
import { type SlotId, slotId } from '../shared/core/ids.ts';
import { type Logger, messageChain } from '../shared/log.ts';
import type { FailedGpus } from './gpu/failed-gpus.ts';
import { createGpuMemory, type GpuMemory, type Left } from './gpu/gpu-memory.ts';
import type { GpuDevice, GpuFaults, Gpus } from './gpu/gpus.ts';
import { failureOf, type Xid } from './gpu/xid.ts';
import { cpuSlots, type HostSlot } from './slots.ts';

/** A lost GPU is to be quarantined within 5 s. */
const probeEveryMs = 4000;
/** The driver frees what a killed process had within a second or two. */
const idlePatienceMs = 10_000;
const idlePollMs = 500;

export interface SlotWatch {
  slots(): readonly HostSlot[];
  /** Calls `fn` whenever the health of any slot has changed. */
  onChange(fn: () => void): void;
  /**
   * To be asked before something begins on a slot. Resolves when nothing of the device's memory was left there by what has ended; rejects where
   * that does not come, and then nothing begins on the slot until it does. `isAlone` says that nothing runs there, so that all of its memory
   * counts; else only what belongs to no attempt at work here does. One look at a time: the memory of what begins now would pass for what was left.
   */
  idle(id: SlotId, isAlone: boolean): Promise<void>;
  /** What has failed counts as mended for the next daemon: somebody has stopped this one. */
  forgetFailures(): void;
  stop(): void;
}

export interface SlotWatchOptions {
  /** Absent on a host that is known to have none. */
  readonly gpus?: Gpus;
  readonly faults?: GpuFaults;
  /** Those that had failed when the last daemon ended without being stopped. */
  readonly failures?: FailedGpus;
  /** Containers of the attempts that are at work on this host. */
  readonly heldContainers: () => Promise<ReadonlySet<string>>;
  /** Of tests: which container a process is in. */
  readonly containerOf?: (pid: number) => string | undefined;
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
    forgetFailures: () => undefined,
    stop: () => undefined,
  };
}

class DeviceWatch implements SlotWatch {
  private readonly options: SlotWatchOptions & { readonly gpus: Gpus };
  private current: readonly WatchedSlot[];
  private readonly buses: ReadonlyMap<SlotId, string>;
  private readonly memory: GpuMemory;
  /** Slots that held what was left there when something was to begin: what that is, as last seen, and whether all of their memory counted. */
  private readonly held = new Map<SlotId, { readonly isAlone: boolean; readonly left: Left }>();
  /** As they were listed last. */
  private devices: readonly GpuDevice[];
  private measuring: Promise<void> | undefined;
  private readonly looksForIdle = new Map<SlotId, Promise<void>>();
  /** Looks in a row at which the driver did not answer. */
  private unanswered = 0;
  private changed: () => void = () => undefined;
  private readonly stopping = new AbortController();
  private timer: { cancel(): void };
  private readonly listening: { stop(): void } | undefined;

  constructor(options: SlotWatchOptions & { readonly gpus: Gpus }, devices: readonly GpuDevice[]) {
    this.options = options;
    const before = options.failures?.known;
    this.current = devices.map((device) => {
      const why = before?.get(device.uuid);
      return why === undefined ? slotOf(device) : failed(slotOf(device), why);
    });
    this.memory = createGpuMemory(options);
    this.devices = devices;
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

  async idle(id: SlotId, isAlone: boolean): Promise<void> {
    for (let look = this.looksForIdle.get(id); look !== undefined; look = this.looksForIdle.get(id)) await look;
    const look = this.becomeIdle(id, isAlone).finally(() => this.looksForIdle.delete(id));
    this.looksForIdle.set(id, look);
    return await look;
  }

  forgetFailures(): void {
    this.options.failures?.forget();
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
      this.take(this.current.map((slot) => this.seen(slot, devices)));
      this.devices = devices;
      // Beside the looks: whose memory is in use the engine has to tell, which may hang.
      if (this.held.size > 0) this.measuring ??= this.measureHeld(devices).finally(() => this.measured());
    } catch (error) {
      this.unanswered += 1;
      this.take(this.current.map((slot) => unseen(slot, messageChain(error), this.unanswered > 1)));
    }
  }

  private measured(): void {
    this.measuring = undefined;
    // What the driver says now is said by the looks.
    if (this.unanswered === 0) this.take(this.current.map((slot) => this.seen(slot, this.devices)));
  }

  /** Measures what is left on slots that are held; those on which nothing is any more are no longer. Without an answer all stays as it was. */
  private async measureHeld(devices: readonly GpuDevice[]): Promise<void> {
    for (const [id, { isAlone }] of this.held) {
      const device = devices.find(({ uuid }) => slotId(uuid) === id);
      const left = device && (await this.memory.left(device, isAlone));
      if (left?.isLittle === true) this.held.delete(id);
      else if (left !== undefined) this.held.set(id, { isAlone, left });
    }
  }

  /** Nothing begins on a slot that is held, so where nothing else runs there, what it uses is what was left. */
  private seen(slot: WatchedSlot, devices: readonly GpuDevice[]): WatchedSlot {
    if (slot.trouble === 'failed') return slot;
    const device = devices.find(({ uuid }) => uuid === slot.device);
    if (device === undefined) return failed(slot, fellOff);
    const held = this.held.get(slot.slotId);
    if (held !== undefined) return withLeft(slotOf(device), held.left);
    this.memory.see(device);
    return slotOf(device);
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
    const differing = next.filter(({ health, runsOn, trouble }, index) => {
      const earlier = before[index];
      return health !== earlier?.health || runsOn !== earlier.runsOn || trouble !== earlier.trouble;
    });
    this.current = next;
    for (const { slotId: id, health, healthReason, trouble } of differing) {
      if (trouble === 'failed') this.options.failures?.add(id, healthReason);
      this.options.log.warn({ slotId: id, health, healthReason }, 'the health of a slot has changed');
    }
    if (differing.length > 0) this.changed();
  }

  private async becomeIdle(id: SlotId, isAlone: boolean): Promise<void> {
    const { clock } = this.options;
    const untilMs = clock.monotonicMs() + idlePatienceMs;
    while (!this.held.has(id)) {
      const left = await this.leftOn(id, isAlone);
      // A driver that does not answer tells nothing of its memory: the looks see to that.
      if (left === undefined || left.isLittle) return;
      if (clock.monotonicMs() >= untilMs || this.stopping.signal.aborted) {
        this.held.set(id, { isAlone, left });
        this.take(this.current.map((slot) => (slot.slotId === id ? withLeft(slot, left) : slot)));
      } else await delay(clock, idlePollMs, this.stopping.signal);
    }
    throw new Error(this.current.find((slot) => slot.slotId === id)?.healthReason || `slot ${id} is not idle`);
  }

  private async leftOn(id: SlotId, isAlone: boolean): Promise<Left | undefined> {
    const devices = await this.options.gpus.list().catch(() => []);
    const device = devices.find(({ uuid }) => slotId(uuid) === id);
    return device && (await this.memory.left(device, isAlone));
  }
}

interface WatchedSlot extends HostSlot {
  /** `failed`: unusable until the daemon starts again. `silent`: its driver has not answered twice. */
  readonly trouble?: 'failed' | 'silent';
}

function withLeft(slot: WatchedSlot, { bytes, whose }: Left): WatchedSlot {
  if (slot.health === 'unusable') return slot;
  const healthReason = `${(bytes / 2 ** 30).toFixed(1)} GiB of its memory are in use ${whose}; find the process with nvidia-smi and end it`;
  return { ...slot, health: 'unusable', healthReason, runsOn: true };
}

/** For good: only a reset mends it, after which the daemon is to be restarted. */
function failed({ runsOn: _, ...slot }: WatchedSlot, healthReason: string): WatchedSlot {
  return { ...slot, health: 'unusable', healthReason, trouble: 'failed' };
}

const fellOff = 'the device has fallen off the bus; reset it or reboot the host, then restart the agent';

/** One that is known to be unusable stays so. */
function unseen(slot: WatchedSlot, why: string, again: boolean): WatchedSlot {
  if (slot.health === 'unusable' && slot.trouble !== 'silent') return slot;
  if (!again) return { ...slot, health: 'warning', healthReason: why };
  const healthReason = `${why}; nothing new begins until it answers`;
  return { ...slot, health: 'unusable', healthReason, runsOn: true, trouble: 'silent' };
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
