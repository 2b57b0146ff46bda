// A simulated gateway: the real service with its accounts, budgets, routes and retries, over a real book whose machine may lose its
// power, in front of providers that keep their own account.

import { gatewayOver } from '../../coordinator/rpc/gateway.ts';
import { createGatewayModel } from '../../gpu-agent/model/gateway-model.ts';
import type { Model } from '../../gpu-agent/model/model.ts';
import { type Account, type Book, bookOver, migrations, type Totals } from '../../llm-gateway/book.ts';
import { createGateway } from '../../llm-gateway/gateway.ts';
import { llmHandlers } from '../../llm-gateway/rpc/llm-service.ts';
import { nextFloat } from '../../shared/core/rng.ts';
import type { Identity } from '../../shared/pki/identity.ts';
import { DatabaseDisk } from './database-disk.ts';
import type { Node } from './network.ts';
import { SimProcess } from './process.ts';
import { Provider } from './provider.ts';
import { handledBy, type SimClientOptions, simClient } from './rpc.ts';
import type { Sabotage } from './sabotage.ts';
import type { Setting } from './setting.ts';

const service = 'doubleblind.gateway.v1.LlmService';
/** Longer than the gateway and its providers are ever away, and shorter than an attempt has. */
const patienceMs = 60_000;
/** Sums of money are doubles. */
const rounding = 1e-9;

export interface GatewaySetting extends Omit<Setting, 'model'> {
  readonly seed: number;
  readonly sabotage: Sabotage;
  /** Dollars that a run may cost; 0 for any. */
  dollarsOf(runId: string): number;
}

export class SimGateway {
  process: SimProcess | undefined;
  readonly provider: Provider;
  /** The most dollars that it ever told of an attempt: turns under way count as what they may cost. */
  readonly told = new Map<string, number>();
  private readonly disk: DatabaseDisk;
  private readonly world: GatewaySetting;
  private book: Book | undefined;
  private readonly answered = new Set<string>();
  private handlers: ReturnType<typeof llmHandlers> | undefined;

  constructor(world: GatewaySetting) {
    this.world = world;
    this.disk = new DatabaseDisk(migrations, world.rng, world.sabotage.kind === 'lyingGatewayDisk');
    this.provider = new Provider({ seed: world.seed, onBill: (runId) => this.checkBill(runId) });
  }

  start(): void {
    if (this.process !== undefined) return;
    const { world } = this;
    const process = new SimProcess(world.timeline, world.wallOffsetMs);
    this.process = process;
    const none = { dollars: 0, outputTokens: 0 };
    const { sabotage } = world;
    const book = this.watched(sabotage.bookOf(bookOver(sabotage.beforeStart(this.disk.openDatabase(process)))));
    this.book = book;
    const gateway = createGateway({
      book,
      upstreams: this.provider.upstreams(process),
      retry: { tries: 3, baseMs: 500, capMs: 5000, longestRetryAfterMs: 60_000 },
      breaker: { failures: 5, coolDownMs: 5000 },
      budgets: { perRun: none, perHost: none, perAttempt: none },
      tokenSecret: Buffer.alloc(32, 1),
      clock: process.clock,
      log: world.log('gateway'),
      random: () => nextFloat(world.rng),
    });
    this.handlers = llmHandlers({
      ...gateway,
      closeAttempt: (key) => {
        const totals = gateway.closeAttempt(key);
        this.told.set(key.attemptId, Math.max(this.told.get(key.attemptId) ?? 0, totals.dollars));
        return totals;
      },
    });
  }

  /** kill -9. */
  kill(): void {
    this.process?.kill();
    this.process = undefined;
    this.book = undefined;
    this.handlers = undefined;
  }

  /** The machine loses its power. */
  lose(): void {
    this.kill();
    this.disk.losePower();
  }

  /** The port as a coordinator process sees it. */
  port(caller: SimProcess): ReturnType<typeof gatewayOver> {
    return gatewayOver(simClient(this.line('coordinator', caller, { role: 'coordinator', name: 'coordinator' })));
  }

  /** What an agent's process thinks by. */
  model(host: Node, caller: SimProcess): Model {
    const { world } = this;
    return createGatewayModel({
      gateway: simClient(this.line(host, caller, { role: 'gpu-agent', name: host })),
      ...{ clock: caller.clock, log: world.log(host), random: () => nextFloat(world.rng), patienceMs },
    });
  }

  /** What the book has of an attempt. */
  totals(attemptId: string): Totals {
    if (this.book === undefined) throw new Error('the gateway is not there');
    return this.book.totals(attemptId);
  }

  /** Told at the end: nothing that a provider charges is missing in the book. */
  checkBook(): void {
    for (const [attemptId, billed] of this.provider.billOfAttempt) {
      const { dollars } = this.totals(attemptId);
      if (dollars < billed * (1 - rounding)) {
        this.world.fail(`${attemptId} is charged ${billed} dollars, and the book has ${dollars}`);
      }
    }
  }

  close(): void {
    this.disk.close();
  }

  /** A turn that was answered is never asked for again. */
  private watched(book: Book): Book {
    const keyOf = ({ attemptId, epoch }: Account, requestId: string): string => `${attemptId} ${epoch} ${requestId}`;
    return {
      ...book,
      begin: (account, call, at) => {
        if (this.answered.has(keyOf(account, call.requestId))) this.world.fail(`${call.requestId} is asked for again`);
        book.begin(account, call, at);
      },
      settle: (account, requestId, ...told) => {
        book.settle(account, requestId, ...told);
        this.answered.add(keyOf(account, requestId));
      },
    };
  }

  /** Whatever fails, is repeated or asked for at once: no run costs more than it may. */
  private checkBill(runId: string): void {
    const [billed, limit] = [this.provider.billOfRun.get(runId) ?? 0, this.world.dollarsOf(runId)];
    if (limit > 0 && billed > limit * (1 + rounding))
      this.world.fail(`${runId} is charged ${billed} of ${limit} dollars`);
  }

  private line(node: Node, process: SimProcess, identity: Identity): SimClientOptions<typeof service> {
    return {
      service,
      from: { node, process },
      to: { node: 'gateway', process: () => this.process },
      network: this.world.network,
      handle: (method, request) => {
        if (this.handlers === undefined) throw new Error('not there');
        return handledBy(this.handlers, identity)(method, request);
      },
    };
  }
}
