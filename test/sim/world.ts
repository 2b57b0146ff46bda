// One simulated world: hosts, a bus, a coordinator, an evaluator and a gateway over one timeline and one seed.

import { audit } from '../../coordinator/core/audit.ts';
import type { State } from '../../coordinator/core/state.ts';
import type { Gateway } from '../../coordinator/rpc/gateway.ts';
import type { ExecutorOptions } from '../../coordinator/runs/executors/persist.ts';
import type { ScoreRequest } from '../../coordinator/runs/score-desk.ts';
import { type Digest, type HostName, hostName } from '../../shared/core/ids.ts';
import { nextInt, type Rng, seedRng } from '../../shared/core/rng.ts';
import { type Logger, silentLogger } from '../../shared/log.ts';
import { packFiles } from '../../shared/store/tree.ts';
import { SimBus } from './bus.ts';
import { SimCoordinator } from './coordinator.ts';
import { SimEvaluator } from './evaluator.ts';
import { History } from './history.ts';
import { SimHost } from './host.ts';
import { Network, type Node } from './network.ts';
import { SimProcess } from './process.ts';
import { Researchers } from './researchers.ts';
import { Sabotage, type SabotageKind } from './sabotage.ts';
import { Timeline } from './timeline.ts';

/** What lies in the store under every name; the coordinator looks into nothing but solutions. */
const solution = await packFiles([{ path: 'main.py', bytes: Buffer.from('pass\n'), executable: false }]);

export interface WorldOptions {
  readonly seed: number;
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
  readonly coordinator: SimCoordinator;
  readonly hosts: SimHost[];
  readonly history: History;
  readonly sabotage: Sabotage;
  readonly problems: string[] = [];
  readonly researchers: Researchers;
  evaluatorProcess: SimProcess | undefined;
  gatewayProcess: SimProcess | undefined;
  wallOffsetMs = 0;
  private readonly stored = new Set<Digest>();
  private readonly options: WorldOptions;

  constructor(options: WorldOptions) {
    this.options = options;
    this.rng = seedRng(`world ${options.seed}`);
    this.sabotage = new Sabotage(options.sabotage);
    this.network = new Network(this.timeline, this.rng);
    this.bus = new SimBus(this.timeline, this.network, this.rng);
    this.evaluator = new SimEvaluator(this);
    this.evaluator.forgetful = options.sabotage === 'forgetfulEvaluator';
    this.coordinator = new SimCoordinator(this);
    this.hosts = [0, 1, 2].map(
      (index) => new SimHost(this, `h${index}`, 1 + nextInt(this.rng, 2), 1 + nextInt(this.rng, 2)),
    );
    this.researchers = new Researchers(this, options.seed);
    this.history = new History({
      capacityOf: (name) => this.host(name).capacity,
      vaultScore: (attemptId, submission) => this.evaluator.scores.get(`${attemptId} ${submission}`),
      fail: (problem) => this.fail(problem),
      onLease: (attemptId, epoch, host) => this.checkAlone(attemptId, epoch, host),
    });
  }

  /** Starts every daemon and asks for the runs. */
  async open(): Promise<void> {
    this.evaluatorProcess = new SimProcess(this.timeline);
    this.gatewayProcess = new SimProcess(this.timeline);
    this.coordinator.start();
    for (const host of this.hosts) await host.start();
    this.researchers.begin();
  }

  close(): void {
    this.coordinator.kill();
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
    return this.hosts.flatMap(({ name, containers, disk }) => {
      const [sandboxes, reports] = [containers.size, disk.pendingCount()];
      return sandboxes + reports === 0 ? [] : [`${name} holds ${sandboxes} sandboxes and ${reports} reports`];
    });
  }

  audit(state: Readonly<State>): void {
    for (const problem of audit(state as State)) this.fail(problem);
  }

  /** The artifact store of the coordinator's machine. */
  readonly artifacts: ExecutorOptions['artifacts'] = {
    size: (digest) => Promise.resolve(this.stored.has(digest) ? 1 : undefined),
    stream: () => [solution] as unknown as AsyncIterable<Buffer>,
    put: () => Promise.reject(new Error('not simulated')),
  };

  store(from: { readonly node: Node; readonly process: SimProcess }, digest: Digest): Promise<void> {
    const to = { node: 'coordinator', process: () => this.coordinator.process } as const;
    const work = (): Promise<void> => Promise.resolve(void this.stored.add(digest));
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

  gateway(caller: SimProcess): Gateway {
    const from = { node: 'coordinator', process: caller } as const;
    const to = { node: 'gateway', process: () => this.gatewayProcess } as const;
    const call = <Answer>(answer: Answer, signal: AbortSignal | undefined): Promise<Answer> =>
      this.network.call({ from, to, deadlineMs: 5000, signal, work: () => Promise.resolve(answer) });
    return {
      openAttempt: ({ attemptId, epoch }, _host, _tokens, signal) => call(`token of ${attemptId} ${epoch}`, signal),
      closeAttempt: (_holder, signal) => call(undefined, signal),
      close: () => undefined,
    };
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
    for (const { name, process, containers } of this.hosts) {
      if (process === undefined || process.stopped) continue;
      for (const container of containers.values()) {
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
