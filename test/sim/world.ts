// One simulated world: hosts, a bus, a coordinator, an evaluator and a gateway over one timeline and one seed.

import { audit } from '../../coordinator/core/audit.ts';
import type { State } from '../../coordinator/core/state.ts';
import type { ExecutorOptions } from '../../coordinator/runs/executors/persist.ts';
import type { ScoreRequest } from '../../coordinator/runs/score-desk.ts';
import type { Model } from '../../gpu-agent/model/model.ts';
import { type Digest, type HostName, hostName } from '../../shared/core/ids.ts';
import { nextInt, type Rng, seedRng } from '../../shared/core/rng.ts';
import { type Logger, silentLogger } from '../../shared/log.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { packFiles } from '../../shared/store/tree.ts';
import { SimBus } from './bus.ts';
import { SimCoordinator } from './coordinator.ts';
import { SimEvaluator } from './evaluator.ts';
import { SimGateway } from './gateway.ts';
import { History } from './history.ts';
import { SimHost } from './host.ts';
import { Network, type Node } from './network.ts';
import type { SimProcess } from './process.ts';
import type { Product } from './products.ts';
import { Researchers } from './researchers.ts';
import { Sabotage, type SabotageKind } from './sabotage.ts';
import { Timeline } from './timeline.ts';

/** What lies in the store under every name but those of submissions; the coordinator looks into nothing but solutions. */
const solution = await packFiles([{ path: 'main.py', bytes: Buffer.from('pass\n'), executable: false }]);

/** Sums of money are doubles. */
const rounding = 1e-9;

export interface WorldOptions {
  readonly seed: number;
  /** Where keys and bundles of the evaluator lie; one place will do for many worlds. */
  readonly evaluatorDirectory: string;
  readonly sabotage?: SabotageKind | undefined;
  /** Told of everything that an onlooker would want to see. */
  readonly trace?: ((line: string) => void) | undefined;
}

export class World {
  readonly timeline = new Timeline();
  readonly rng: Rng;
  readonly network: Network;
  readonly bus: SimBus;
  readonly evaluator: SimEvaluator;
  readonly gateway: SimGateway;
  readonly seed: number;
  readonly evaluatorDirectory: string;
  readonly coordinator: SimCoordinator;
  readonly hosts: SimHost[];
  readonly history: History;
  readonly sabotage: Sabotage;
  readonly problems: string[] = [];
  readonly researchers: Researchers;
  wallOffsetMs = 0;
  private readonly stored = new Map<Digest, Buffer>();
  private readonly options: WorldOptions;

  constructor(options: WorldOptions) {
    this.options = options;
    this.seed = options.seed;
    this.evaluatorDirectory = options.evaluatorDirectory;
    this.rng = seedRng(`world ${options.seed}`);
    this.sabotage = new Sabotage(options.sabotage);
    this.network = new Network(this.timeline, this.rng);
    this.bus = new SimBus(this.timeline, this.network, this.rng);
    this.evaluator = new SimEvaluator(this);
    this.gateway = new SimGateway(this);
    this.coordinator = new SimCoordinator(this);
    this.hosts = [0, 1, 2].map(
      (index) => new SimHost(this, `h${index}`, 1 + nextInt(this.rng, 2), 1 + nextInt(this.rng, 2)),
    );
    this.researchers = new Researchers(this, options.seed);
    this.history = new History({
      capacityOf: (name) => this.host(name).capacity,
      vaultScore: (runId, attemptId, submission) => this.evaluator.score(runId, attemptId, submission),
      vaultWinner: (runId) => this.evaluator.winner(runId),
      fail: (problem) => this.fail(problem),
      onLease: (attemptId, epoch, host) => this.checkAlone(attemptId, epoch, host),
    });
  }

  /** Starts every daemon and asks for the runs. */
  async open(): Promise<void> {
    this.evaluator.start();
    this.gateway.start();
    this.coordinator.start();
    for (const host of this.hosts) await host.start();
    this.researchers.begin();
  }

  /** What daemons keep agrees with what providers charge and with itself. */
  checkBooks(): void {
    this.evaluator.checkLedger();
    this.gateway.checkBook();
    const { gateway, history } = this;
    for (const [attemptId, { dollars, believed, isSettled }] of history.attempts) {
      const most = Math.max(gateway.totals(attemptId).dollars, gateway.told.get(attemptId) ?? 0);
      if (dollars > most + believed + rounding) {
        this.fail(
          `the journal has ${dollars} dollars of ${attemptId}, the gateway ${most}, and hosts said ${believed}`,
        );
      }
      const billed = gateway.provider.billOfAttempt.get(attemptId) ?? 0;
      if (isSettled && dollars < billed - rounding)
        this.fail(`the journal has ${dollars} of the ${billed} dollars of ${attemptId}`);
    }
  }

  close(): void {
    this.coordinator.kill();
    this.gateway.close();
    this.evaluator.close();
    for (const host of this.hosts) {
      host.kill();
      host.disk.close();
    }
  }

  host(name: Node | HostName | string): SimHost {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** What a daemon logs, for onlookers. */
  log(who: string): Logger {
    const { trace } = this.options;
    if (trace === undefined) return silentLogger;
    const told = (fields: object, message: string): void => {
      const text = Object.entries(fields).map(
        ([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`,
      );
      this.tell(`  ${who}: ${message} ${text.join(' ')}`);
    };
    const log: Logger = { debug: () => undefined, info: told, warn: told, error: told, child: () => log };
    return log;
  }

  tell(line: string): void {
    this.options.trace?.(`${(this.timeline.nowMs / 1000).toFixed(3).padStart(9)} s  ${line}`);
  }

  fail(problem: string): void {
    this.tell(`PROBLEM ${problem}`);
    this.problems.push(`${problem} (at ${Math.round(this.timeline.nowMs)} ms)`);
  }

  /** What hosts still hold; empty where every sandbox is gone and every report has its receipt. */
  leftOvers(): string[] {
    return this.hosts.flatMap(({ name, engine, disk }) => {
      const [sandboxes, reports] = [engine.containers.size, disk.pendingCount()];
      return sandboxes + reports === 0 ? [] : [`${name} holds ${sandboxes} sandboxes and ${reports} reports`];
    });
  }

  audit(state: Readonly<State>): void {
    for (const problem of audit(state as State)) this.fail(problem);
  }

  /** The artifact store of the coordinator's machine. */
  readonly artifacts: ExecutorOptions['artifacts'] = {
    size: (digest) => Promise.resolve(this.stored.get(digest)?.length),
    stream: (digest) => [this.stored.get(digest)] as unknown as AsyncIterable<Buffer>,
    put: async (source) => {
      const kept: Uint8Array[] = [];
      for await (const chunk of source as AsyncIterable<Uint8Array>) kept.push(chunk);
      const bytes = Buffer.concat(kept);
      const digest = sha256(bytes);
      const alreadyStored = this.stored.has(digest);
      this.stored.set(digest, bytes);
      return { digest, sizeBytes: bytes.length, alreadyStored };
    },
  };

  store(from: { readonly node: Node; readonly process: SimProcess }, product: Product): Promise<void> {
    const to = { node: 'coordinator', process: () => this.coordinator.process } as const;
    const work = (): Promise<void> => Promise.resolve(void this.stored.set(product.digest, product.bytes ?? solution));
    return this.network.call({ from, to, deadlineMs: 5000, work });
  }

  score(
    from: { readonly node: Node; readonly process: SimProcess },
    request: Omit<ScoreRequest, 'host'>,
  ): Promise<unknown> {
    const to = { node: 'coordinator', process: () => this.coordinator.process } as const;
    const work = async (): Promise<unknown> =>
      await this.coordinator.desk?.ask({ ...request, host: hostName(from.node) });
    return this.network.call({ from, to, deadlineMs: 20_000, work });
  }

  model(host: Node, caller: SimProcess): Model {
    return this.gateway.model(host, caller);
  }

  dollarsOf(runId: string): number {
    return this.history.dollarsOf(runId);
  }

  /** A receipt arrives at a host. */
  receive(host: SimHost, sequences: readonly number[]): void {
    for (const event of host.disk.pendingEvents()) {
      if (sequences.includes(event.seq)) this.history.receipt(event);
    }
  }

  /** A lease is out on one host: no other host may work under an older one that it was given or that was renewed. */
  private checkAlone(attemptId: string, epoch: number, leasedTo: string): void {
    this.tell(`${attemptId} is leased to ${leasedTo} under epoch ${epoch}`);
    for (const { name, process, agent, engine } of this.hosts) {
      // What a daemon that has gone left running cannot report anything, like one that is stopped.
      if (agent === undefined || process === undefined || process.stopped) continue;
      for (const container of engine.containers.values()) {
        // With an engine that is away nobody can end anything; it is ended as soon as it answers.
        if (engine.isLate(this.timeline.nowMs)) continue;
        const isOlder = container.attemptId === attemptId && container.epoch < epoch && container.running;
        // What was adopted after a restart runs on until a renewal or a refusal tells more.
        if (isOlder && container.createdMs >= process.startedMs) {
          this.fail(
            `${attemptId} still runs on ${name} under epoch ${container.epoch} while ${leasedTo} gets epoch ${epoch}`,
          );
        }
      }
    }
  }
}
