// What goes wrong. Each period draws a random subset of the faults, each strikes at a random moment of the period and is
// mended at a later one; when the time is over everything is mended.

import { hostName, type RunId, runId } from '../../shared/core/ids.ts';
import { nextFloat, nextInt, type Rng, seedRng } from '../../shared/core/rng.ts';
import type { SimHost } from './host.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

const periodMs = 12_000;
const dayMs = 86_400_000;
/** Whom hosts talk to. */
const others = ['coordinator', 'nats', 'gateway'] as const;

const noQuotas = { parallelAttempts: 0, owners: {} };

type Fault = (nemesis: Nemesis) => void;

/** Every fault by its name. */
export const faults: Readonly<Record<string, Fault>> = {
  coordinatorKilled: (nemesis) => nemesis.killCoordinator(),
  coordinatorStopped: (nemesis) => nemesis.stopCoordinator(),
  agentKilled: (nemesis) => nemesis.killAgent(),
  agentUpgraded: (nemesis) => nemesis.upgradeAgent(),
  slotFailed: (nemesis) => nemesis.failSlot(),
  engineStartedAgain: (nemesis) => nemesis.restartEngine(),
  hostLost: (nemesis) => nemesis.loseHost(),
  agentStopped: (nemesis) => nemesis.stopAgent(),
  busSilent: (nemesis) => nemesis.silenceBus(),
  busWiped: (nemesis) => nemesis.wipeBus(),
  partition: (nemesis) => nemesis.part(),
  daemonsParted: (nemesis) => nemesis.partDaemons(),
  badNetwork: (nemesis) => nemesis.worsenNetwork(),
  evaluatorKilled: (nemesis) => nemesis.killEvaluator(),
  evaluatorStopped: (nemesis) => nemesis.stopEvaluator(),
  gatewayKilled: (nemesis) => nemesis.killGateway(),
  gatewayLost: (nemesis) => nemesis.loseGateway(),
  gatewayStopped: (nemesis) => nemesis.stopGateway(),
  coordinatorDiskFull: (nemesis) => nemesis.fillCoordinatorDisk(),
  hostDiskFull: (nemesis) => nemesis.fillHostDisk(),
  gatewayDiskFull: (nemesis) => nemesis.fillDisk('gateway'),
  evaluatorDiskFull: (nemesis) => nemesis.fillDisk('evaluator'),
  providersInTrouble: (nemesis) => nemesis.troubleProviders(),
  clockSet: (nemesis) => nemesis.setClock(),
  cordon: (nemesis) => nemesis.cordon(),
  drain: (nemesis) => nemesis.drain(),
  pause: (nemesis) => nemesis.pause(),
  steer: (nemesis) => nemesis.steer(),
  extend: (nemesis) => nemesis.extend(),
  quota: (nemesis) => nemesis.setQuota(),
  cancelRun: (nemesis) => nemesis.cancelRun(),
  killRun: (nemesis) => nemesis.killRun(),
};

/** How probable a fault is in a period. An end of a run is rarer, or little would be left to disturb. */
const [share, endShare] = [0.18, 0.05];

export class Nemesis {
  /** How often each fault struck. */
  readonly strikes = new Map<string, number>();
  private readonly world: World;
  private readonly rng: Rng;
  /** True once everything was mended. */
  over: boolean = false;

  constructor(world: World, seed: number) {
    this.world = world;
    this.rng = seedRng(`nemesis ${seed}`);
    world.bus.duplicateProbability = nextFloat(this.rng) < 0.5 ? 0.3 : 0;
  }

  /** Strikes for so many periods, then mends everything. */
  start(periods: number): void {
    for (let period = 0; period < periods; period += 1) {
      for (const [name, strike] of Object.entries(faults)) {
        if (nextFloat(this.rng) >= (name.endsWith('Run') ? endShare : share)) continue;
        this.world.timeline.after(period * periodMs + nextFloat(this.rng) * periodMs, () => {
          this.strikes.set(name, (this.strikes.get(name) ?? 0) + 1);
          strike(this);
        });
      }
    }
    this.world.timeline.after((periods + 1) * periodMs, () => this.mend());
  }

  killCoordinator(): void {
    const { coordinator } = this.world;
    const point = nextInt(this.rng, 3);
    this.world.tell(`the coordinator is killed ${['now', 'before its next commit', 'after its next commit'][point]}`);
    if (point === 0) coordinator.kill();
    else coordinator.crashAt = point === 1 ? 'beforeAppend' : 'afterAppend';
    this.later(500, 6000, () => {
      coordinator.kill();
      coordinator.start();
    });
  }

  stopCoordinator(): void {
    this.stop(this.world.coordinator.process, 'the coordinator', 15_000);
  }

  killAgent(): void {
    const host = this.host();
    this.world.tell(`the agent of ${host.name} is killed`);
    host.kill();
    this.later(300, 15_000, () => void host.start());
  }

  upgradeAgent(): void {
    const host = this.host();
    this.world.tell(`the agent of ${host.name} is upgraded`);
    host.upgrade().catch((error: unknown) => this.world.fail(`${host.name} does not stop: ${String(error)}`));
  }

  failSlot(): void {
    const host = this.host();
    this.world.tell(`the first slot of ${host.name} fails`);
    host.setFirstSlot(false);
    this.later(1000, 20_000, () => host.setFirstSlot(true));
  }

  restartEngine(): void {
    const { engine, name } = this.host();
    const takesContainers = nextFloat(this.rng) < 0.5;
    this.world.tell(`the container engine of ${name} goes ${takesContainers ? 'with' : 'without'} its containers`);
    engine.go(takesContainers);
    this.later(300, 10_000, () => engine.comeBack(this.world.timeline.nowMs));
  }

  loseHost(): void {
    const host = this.host();
    this.world.tell(`${host.name} loses its power`);
    host.lose();
    this.later(1000, 40_000, () => void host.start());
  }

  stopAgent(): void {
    const host = this.host();
    this.stop(host.process, `the agent of ${host.name}`, 30_000);
  }

  silenceBus(): void {
    const { bus } = this.world;
    this.world.tell('the bus is down');
    bus.up = false;
    this.later(1000, 25_000, () => bus.comeUp());
  }

  wipeBus(): void {
    this.world.tell('the store of the bus is deleted');
    this.world.bus.wipe();
  }

  part(): void {
    const { name } = this.host();
    const way = nextInt(this.rng, 3);
    this.world.tell(`the network from ${['and to', 'only to', 'only from'][way]} ${name} is cut`);
    const { network } = this.world;
    if (way !== 2) for (const other of others) network.cut(other, name);
    if (way !== 1) for (const other of others) network.cut(name, other);
    this.later(1000, 25_000, () => network.cuts.clear());
  }

  /** Between the coordinator and the evaluator or the gateway. */
  partDaemons(): void {
    const { network } = this.world;
    const other = nextFloat(this.rng) < 0.5 ? 'evaluator' : 'gateway';
    const way = nextInt(this.rng, 3);
    this.world.tell(`the network from ${['and to', 'only to', 'only from'][way]} the ${other} is cut`);
    if (way !== 2) network.cut('coordinator', other);
    if (way !== 1) network.cut(other, 'coordinator');
    this.later(1000, 25_000, () => network.cuts.clear());
  }

  worsenNetwork(): void {
    const { network } = this.world;
    this.world.tell('packets are lost, slow and doubled');
    network.lossProbability = nextFloat(this.rng) * 0.3;
    network.duplicateProbability = 0.3;
    network.slowestMs = 5 + nextFloat(this.rng) * 800;
    this.later(1000, 10_000, () => {
      network.lossProbability = 0;
      network.duplicateProbability = 0;
      network.slowestMs = 5;
    });
  }

  killEvaluator(): void {
    this.world.tell('the evaluator is killed');
    this.world.evaluator.kill();
    this.later(100, 8000, () => this.world.evaluator.start());
  }

  stopEvaluator(): void {
    this.stop(this.world.evaluator.process, 'the evaluator', 15_000);
  }

  killGateway(): void {
    this.world.tell('the gateway is killed');
    this.world.gateway.kill();
    this.later(100, 8000, () => this.world.gateway.start());
  }

  loseGateway(): void {
    this.world.tell('the machine of the gateway loses its power');
    this.world.gateway.lose();
    this.later(1000, 8000, () => this.world.gateway.start());
  }

  stopGateway(): void {
    this.stop(this.world.gateway.process, 'the gateway', 15_000);
  }

  fillDisk(daemon: 'gateway' | 'evaluator'): void {
    const { process } = this.world[daemon];
    if (process === undefined) return;
    this.world.tell(`the disk of the ${daemon} is full`);
    process.diskIsFull = true;
    this.later(500, 8000, () => {
      process.diskIsFull = false;
    });
  }

  fillCoordinatorDisk(): void {
    const { coordinator } = this.world;
    this.world.tell('the disk of the coordinator is full');
    coordinator.diskIsFull = true;
    this.later(500, 8000, () => {
      coordinator.diskIsFull = false;
    });
  }

  fillHostDisk(): void {
    const { disk, name } = this.host();
    this.world.tell(`the disk of ${name} is full`);
    disk.isFull = true;
    this.later(500, 8000, () => {
      disk.isFull = false;
    });
  }

  troubleProviders(): void {
    const { provider } = this.world.gateway;
    provider.trouble = nextFloat(this.rng);
    this.world.tell(`${Math.round(100 * provider.trouble)} % of the turns fail at the providers`);
    this.later(1000, 12_000, () => {
      provider.trouble = 0;
    });
  }

  setClock(): void {
    this.world.wallOffsetMs += nextFloat(this.rng) < 0.5 ? dayMs : -dayMs;
    const { coordinator, gateway, evaluator, hosts } = this.world;
    const processes = [coordinator, gateway, evaluator, ...hosts].map(({ process }) => process);
    for (const process of processes) if (process !== undefined) process.wallOffsetMs = this.world.wallOffsetMs;
  }

  cordon(): void {
    const host = hostName(this.host().name);
    this.post({ kind: 'hostCordoned', host, reason: 'maintenance' });
    this.later(1000, 20_000, () => this.post({ kind: 'hostUncordoned', host }));
  }

  drain(): void {
    const host = hostName(this.host().name);
    const deadlineMs = Math.round(nextFloat(this.rng) * 8000);
    this.world.tell(`${host} is drained within ${deadlineMs} ms`);
    this.post({ kind: 'hostDrainStarted', host, reason: 'maintenance', by: 'nemesis', deadlineMs });
    this.later(1000, 30_000, () => this.post({ kind: 'hostUncordoned', host }));
  }

  pause(): void {
    const run = this.run();
    if (run === undefined) return;
    this.post({ kind: 'runPaused', runId: run });
    this.later(1000, 20_000, () => this.post({ kind: 'runResumed', runId: run }));
  }

  steer(): void {
    const run = this.run();
    if (run !== undefined) this.post({ kind: 'runSteered', runId: run, guidance: 'try something else' });
  }

  /** A run that goes on gets more to spend. */
  extend(): void {
    const run = this.run();
    const options = run === undefined ? undefined : this.world.coordinator.actor?.state.runs.get(run)?.options;
    if (run === undefined || options === undefined) return;
    const { candidates, dollars, wallSeconds, tokens, slotHours } = options;
    const budgets = { wallSeconds, tokens, slotHours, candidates: candidates + 2, dollars: 1.5 * dollars };
    this.world.tell(`${run} is extended`);
    this.post({ kind: 'runExtended', runId: run, budgets });
  }

  setQuota(): void {
    this.post({ kind: 'quotasSet', quotas: { parallelAttempts: 1 + nextInt(this.rng, 3), owners: {} } });
    this.later(1000, 20_000, () => this.post({ kind: 'quotasSet', quotas: noQuotas }));
  }

  cancelRun(): void {
    const run = this.run();
    if (run === undefined) return;
    this.world.tell(`${run} is cancelled`);
    this.post({ kind: 'runSealing', runId: run, endReason: 'cancelled' });
  }

  /** At once, with a seal, or without one, and then perhaps sealed later. */
  killRun(): void {
    const run = this.run();
    if (run === undefined) return;
    const seal = nextFloat(this.rng) < 0.5;
    this.world.tell(`${run} is killed ${seal ? 'with' : 'without'} a seal`);
    this.post({ kind: 'runKilled', runId: run, seal });
    if (nextFloat(this.rng) < 0.3)
      this.later(500, 8000, () => this.post({ kind: 'runKilled', runId: run, seal: true }));
  }

  /** Everything works again, and stays so. */
  mend(): void {
    const { world } = this;
    world.tell('everything is mended');
    this.over = true;
    world.network.mend();
    world.bus.comeUp();
    world.bus.duplicateProbability = 0;
    world.gateway.provider.trouble = 0;
    for (const daemon of [world.evaluator, world.gateway]) {
      daemon.process?.goOn(nextFloat(this.rng) < 0.5);
      if (daemon.process !== undefined) daemon.process.diskIsFull = false;
      daemon.start();
    }
    world.coordinator.crashAt = undefined;
    world.coordinator.diskIsFull = false;
    world.coordinator.process?.goOn(nextFloat(this.rng) < 0.5);
    world.coordinator.start();
    for (const host of world.hosts) {
      host.process?.goOn(nextFloat(this.rng) < 0.5);
      host.disk.isFull = false;
      host.setFirstSlot(true);
      host.engine.comeBack(world.timeline.nowMs);
      void host.start();
      this.post({ kind: 'hostUncordoned', host: hostName(host.name) });
    }
    for (const run of world.history.runIds) this.post({ kind: 'runResumed', runId: runId(run) });
    this.post({ kind: 'quotasSet', quotas: noQuotas });
  }

  private stop(process: SimProcess | undefined, what: string, mostMs: number): void {
    if (process === undefined) return;
    this.world.tell(`${what} is stopped`);
    process.stop();
    this.later(500, mostMs, () => {
      this.world.tell(`${what} goes on`);
      process.goOn(nextFloat(this.rng) < 0.5);
    });
  }

  private post(event: Parameters<NonNullable<World['coordinator']['actor']>['post']>[0]): void {
    this.world.coordinator.actor?.post(event).catch(() => undefined);
  }

  /** Any run that there is. */
  private run(): RunId | undefined {
    const { runIds } = this.world.history;
    return runIds.length === 0 ? undefined : runId(runIds[nextInt(this.rng, runIds.length)] ?? '');
  }

  private host(): SimHost {
    return this.world.hosts[nextInt(this.rng, this.world.hosts.length)] as SimHost;
  }

  private later(leastMs: number, mostMs: number, work: () => void): void {
    const ms = leastMs + nextFloat(this.rng) * (mostMs - leastMs);
    this.world.timeline.after(ms, () => {
      if (!this.over) work();
    });
  }
}
