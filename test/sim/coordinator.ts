// A simulated coordinator process: the real actor, fleet, launcher and executors over a journal whose every append is a
// place to be killed at.

import type { StampedEvent } from '../../coordinator/core/event.ts';
import type { State } from '../../coordinator/core/state.ts';
import { newState } from '../../coordinator/core/state.ts';
import { step } from '../../coordinator/core/step.ts';
import { type Fleet, startFleet } from '../../coordinator/fleet/fleet.ts';
import type { AgentClient } from '../../coordinator/fleet/host-actor.ts';
import { stateHash } from '../../coordinator/journal/journal.ts';
import type { ExecutorOptions } from '../../coordinator/runs/executors/persist.ts';
import { newExecutors } from '../../coordinator/runs/executors.ts';
import { type Launcher, newLauncher } from '../../coordinator/runs/launcher.ts';
import { newScoreDesk, type ScoreDesk } from '../../coordinator/runs/score-desk.ts';
import { openSearchActor, type SearchActor } from '../../coordinator/runs/search-actor.ts';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import type { HostName } from '../../shared/core/ids.ts';
import { nextFloat } from '../../shared/core/rng.ts';
import type { SimEvaluator } from './evaluator.ts';
import type { SimGateway } from './gateway.ts';
import type { History } from './history.ts';
import type { SimHost } from './host.ts';
import { SimProcess } from './process.ts';
import { simClient } from './rpc.ts';
import type { Sabotage } from './sabotage.ts';
import type { Setting } from './setting.ts';

/** Where the next append kills the process: before the events are on disk, or just after. */
export type CrashPoint = 'beforeAppend' | 'afterAppend';

const leaseTtlMs = 10_000;
const unitRestartMs = 2000;

export interface CoordinatorSetting extends Setting {
  readonly evaluator: SimEvaluator;
  readonly gateway: SimGateway;
  readonly history: History;
  readonly sabotage: Sabotage;
  readonly artifacts: ExecutorOptions['artifacts'];
  host(name: string): SimHost;
  audit(state: Readonly<State>): void;
  /** A receipt arrives at a host. */
  receive(host: SimHost, sequences: readonly number[]): void;
}

export class SimCoordinator {
  process: SimProcess | undefined;
  actor: SearchActor | undefined;
  desk: ScoreDesk | undefined;
  crashAt: CrashPoint | undefined;
  /** What cannot be written down is not done: it ends, and its unit starts it again until there is room. */
  diskIsFull: boolean = false;
  /** The journal as it lies on disk. */
  readonly disk: string[] = [];
  private hashAtDeath: string | undefined;
  private readonly world: CoordinatorSetting;

  constructor(world: CoordinatorSetting) {
    this.world = world;
  }

  start(): void {
    if (this.process !== undefined) return;
    const { world } = this;
    const process = new SimProcess(world.timeline, world.wallOffsetMs);
    this.process = process;
    this.crashAt = undefined;
    const { clock } = process;
    const log = world.log('coordinator');
    const random = (): number => nextFloat(world.rng);
    const actor = openSearchActor({
      journal: { fold: () => this.fold(), append: (events) => this.append(process, events) },
      ...{ clock, log },
      launch: (command) => launcher.launch(command),
      soon: (work) => clock.after(random() * 3, work),
    });
    this.actor = actor;
    actor.failed.catch((error: unknown) => process.alive && world.fail(`the actor died: ${String(error)}`));
    const connect = (name: HostName): AgentClient => this.client(process, name);
    const fleet = startFleet({
      ...{ actor: world.sabotage.actorOf(actor), connect, leaseTtlMs, clock, log },
      gateway: world.gateway.port(process),
    });
    const executors = newExecutors({
      ...{ actor, fleet, clock, log, leaseTtlMs, random },
      evaluator: world.evaluator.port(process),
      gateway: world.gateway.port(process),
      artifacts: world.artifacts,
    });
    const evaluator = world.evaluator.port(process);
    const desk = { actor, evaluator, artifacts: world.artifacts, log };
    this.desk = world.sabotage.deskOf(newScoreDesk(desk), desk);
    const launcher: Launcher = newLauncher(() => executors, log);
    actor.start();
    this.listen(process, fleet, actor);
  }

  /** kill -9. */
  kill(): void {
    const { process, actor } = this;
    if (process === undefined || actor === undefined) return;
    process.kill();
    this.process = undefined;
    this.actor = undefined;
    this.desk = undefined;
  }

  fold(): State {
    const state = newState();
    for (const line of this.disk) step(state, JSON.parse(line) as StampedEvent);
    if (this.hashAtDeath !== undefined && stateHash(state) !== this.hashAtDeath) {
      this.world.fail('the journal folds to another state than the one that wrote it');
    }
    this.hashAtDeath = undefined;
    return state;
  }

  private listen(process: SimProcess, fleet: Fleet, actor: SearchActor): void {
    const { world } = this;
    world.bus.attach({
      process,
      hear: (heartbeat) => fleet.hear(heartbeat),
      take: (result: ResultEvent) => {
        world.history.heard(result);
        return world.sabotage.take(result, fleet, actor);
      },
    });
  }

  private append(process: SimProcess, events: readonly StampedEvent[]): void {
    if (!process.alive) throw new Error('a dead process writes nothing');
    const { crashAt, world, actor } = this;
    if (this.diskIsFull) world.timeline.after(unitRestartMs, () => this.start());
    if (this.diskIsFull || crashAt === 'beforeAppend') this.crash();
    for (const event of events) this.disk.push(JSON.stringify(event));
    if (world.sabotage.losesSyncedWrites && crashAt === 'afterAppend') this.disk.splice(-events.length);
    world.history.observe(events);
    if (actor !== undefined) world.audit(actor.state);
    if (crashAt === 'afterAppend') {
      if (actor !== undefined && !world.sabotage.losesSyncedWrites) this.hashAtDeath = stateHash(actor.state as State);
      this.crash();
    }
  }

  private crash(): never {
    this.kill();
    throw new Error('killed');
  }

  /** The agent's service through the simulated network. */
  private client(process: SimProcess, name: HostName): AgentClient {
    const { world } = this;
    const host = world.host(name);
    return simClient({
      service: 'doubleblind.agent.v1.AgentService',
      from: { node: 'coordinator', process },
      to: {
        node: host.name,
        process: () => (host.handlers === undefined ? undefined : host.process),
        powered: () => host.powered,
      },
      network: world.network,
      handle: async (method, request) => {
        const received = request as { sequences?: number[]; confirmed?: number[] };
        world.receive(host, received.sequences ?? received.confirmed ?? []);
        return await host.call(method, world.sabotage.request(method, received));
      },
    });
  }
}
