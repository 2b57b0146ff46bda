// A simulated host: the real agent with its real book on a disk of its own, over containers that are entries of a table.

import { type Agent, startAgent } from '../../gpu-agent/agent.ts';
import { watchFullDisk } from '../../gpu-agent/full-disk.ts';
import { agentHandlers } from '../../gpu-agent/rpc/agent-service.ts';
import { watchEngine } from '../../gpu-agent/sandbox/engine-watch.ts';
import { cpuSlots, type HostSlot } from '../../gpu-agent/slots.ts';
import { nextFloat } from '../../shared/core/rng.ts';
import { SimEngine } from './engine.ts';
import { HostDisk } from './host-disk.ts';
import type { Node } from './network.ts';
import { type Surroundings, simPerformer } from './performer.ts';
import { SimProcess } from './process.ts';
import { handledBy } from './rpc.ts';
import type { Setting } from './setting.ts';

const version = 'sim';
const unitRestartMs = 2000;
const drainPatienceMs = 5000;

export class SimHost {
  readonly name: Node;
  readonly disk: HostDisk;
  /** Of the version that does not read receipts in a renewal. */
  private readonly isOfBefore: boolean;
  readonly engine = new SimEngine();
  readonly slots: number;
  readonly capacity: number;
  powered: boolean = true;
  private firstIsUsable: boolean = true;
  process: SimProcess | undefined;
  agent: Agent | undefined;
  handlers: ReturnType<typeof agentHandlers> | undefined;
  private boots = 0;
  private readonly world: Setting;

  constructor(world: Setting, name: Node, slots: number, capacity: number) {
    this.world = world;
    this.name = name;
    this.slots = slots;
    this.capacity = capacity;
    this.disk = new HostDisk(world.rng);
    this.isOfBefore = name === 'h0';
  }

  /** Starts the daemon where it does not run; a machine that was off comes up first, without its containers. */
  async start(): Promise<void> {
    if (this.process !== undefined) return;
    try {
      await this.startDaemon();
    } catch (error) {
      if (this.process !== undefined) this.end(this.process, error, true);
    }
  }

  private async startDaemon(): Promise<void> {
    const { world, name, disk, engine } = this;
    if (!this.powered) engine.containers.clear();
    this.powered = true;
    const process = new SimProcess(world.timeline, world.wallOffsetMs);
    this.process = process;
    this.boots += 1;
    const from = { node: name, process };
    const slots = cpuSlots(this.slots);
    this.firstIsUsable = true;
    const surroundings: Surroundings = {
      ...{ process, engine, rng: world.rng, settles: world.sabotage.kind !== 'earlyRelease' },
      note: (error) => engineWatch.note(error),
      fail: (problem) => world.fail(`${problem} on ${name}`),
      model: world.model(name, process),
      store: (product) => world.store(from, product),
      score: (request) => world.score(from, request),
    };
    const tryWrite = (): void => {
      if (disk.isFull) throw new Error('database or disk is full');
    };
    const { clock } = process;
    const engineWatch = watchEngine({ engine, clock, stopping: new AbortController().signal });
    const { book, trouble } = watchFullDisk({ book: disk.openBook(clock), clock, tryWrite });
    const agent = await startAgent({
      trouble: () => trouble() || engineWatch.trouble(),
      ports: {
        host: name,
        bootId: `boot-${this.boots}`,
        book,
        engine,
        clock: process.clock,
        log: world.log(name),
        openPerformer: (options) => simPerformer(surroundings, options),
      },
      bus: {
        publishHeartbeat: (heartbeat) => world.bus.heartbeat(name, heartbeat),
        publishResult: (event) => world.bus.publish(from, event),
      },
      version,
      imageDigest: version,
      largestSandbox: { cpus: 64, memoryBytes: 2 ** 38 },
      slots: () => (this.firstIsUsable ? slots : slots.map((slot, index) => (index === 0 ? unusable(slot) : slot))),
      trajectoriesPerSlot: this.capacity,
      contextCharacters: 100_000,
      random: () => nextFloat(world.rng),
      heartbeatMs: 1000,
    });
    if (!process.alive) return;
    agent.done.catch((error: unknown) => this.end(process, error));
    engineWatch.onChange(() => agent.slotsChanged());
    this.agent = agent;
    this.handlers = agentHandlers(agent);
    agent.announce(`${name}:7442`);
  }

  /** Calls a method of its service. */
  async call(method: string, request: object): Promise<object> {
    if (this.handlers === undefined) throw new Error('not there');
    const handle = handledBy(this.handlers, { role: 'coordinator', name: 'coordinator' });
    if (method !== 'renewLeases' || !this.isOfBefore) return await (handle(method, request) as Promise<object>);
    const answer = await (handle(method, { ...request, confirmed: [] }) as Promise<object>);
    return { ...answer, receiptsTaken: false };
  }

  /** The device of the first slot fails, or has been reset. */
  setFirstSlot(isUsable: boolean): void {
    this.firstIsUsable = isUsable;
    this.agent?.slotsChanged();
  }

  /** SIGTERM, as an upgrade sends it: nothing new, a while for what is about to end; the rest stays for the next daemon. */
  async upgrade(): Promise<void> {
    const { agent, process } = this;
    if (agent === undefined || process === undefined) return;
    agent.drain();
    await agent.settle(drainPatienceMs);
    if (!process.alive) return;
    this.agent = undefined;
    this.handlers = undefined;
    await agent.stop();
    if (!process.alive) return;
    this.kill();
    this.startAgain();
  }

  /** What cannot write its book down ends, and its unit starts it again until there is room. */
  private end(process: SimProcess, error: unknown, isStarting = false): void {
    const { world, name, disk } = this;
    if (!process.alive) return;
    if (!disk.isFull && !(isStarting && !this.engine.answers))
      world.fail(`the agent of ${name} died: ${String(error)}`);
    world.log(name).warn({ error }, 'the agent ends');
    this.kill();
    this.startAgain();
  }

  private startAgain(): void {
    this.world.timeline.after(unitRestartMs, () => {
      if (this.powered) void this.start();
    });
  }

  /** kill -9 of the daemon; containers run on. */
  kill(): void {
    this.process?.kill();
    this.process = undefined;
    this.agent = undefined;
    this.handlers = undefined;
  }

  /** The machine loses its power; the disk survives, with what was written to it for certain. */
  lose(): void {
    this.powered = false;
    this.kill();
    this.disk.losePower();
    this.engine.endAll();
  }
}

function unusable(slot: HostSlot): HostSlot {
  return { ...slot, health: 'unusable', healthReason: 'it has fallen off the bus' };
}
