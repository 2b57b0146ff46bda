// Everything round a coordinator, for its tests: a certificate authority, a bus in memory, and an agent, an evaluator and a
// gateway that answer over real gRPC. They keep their own records, so that a test can compare them with the coordinator's.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '../shared/bus/bus.ts';
import type { Heartbeat, ResultEvent } from '../shared/bus/messages.ts';
import type { FailureReason } from '../shared/core/vocabulary.ts';
import { noUsage } from '../shared/core/vocabulary.ts';
import { silentLogger } from '../shared/log.ts';
import { createLocalPki } from '../shared/pki/authority.ts';
import { createRpcClient, type RpcClient } from '../shared/rpc/client.ts';
import { RpcFault } from '../shared/rpc/fault.ts';
import { implement } from '../shared/rpc/handlers.ts';
import { startRpcServer } from '../shared/rpc/server.ts';
import type { TlsPaths } from '../shared/rpc/tls-files.ts';
import { sha256 } from '../shared/store/digest.ts';
import { packFiles } from '../shared/store/tree.ts';
import type { CoordinatorBus } from './coordinator.ts';
import { task } from './core/machine.test-support.ts';

export const agentHost = 'alpha';
const bundle = Buffer.from('a bundle');
const bundleDigest = sha256(bundle);
const refitBundle = Buffer.from('a bundle with all labels');

export interface TestPki {
  readonly directory: string;
  tls(role: string): TlsPaths;
  remove(): Promise<void>;
}

export async function createTestPki(): Promise<TestPki> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-coordinator-'));
  const pki = join(directory, 'pki');
  await createLocalPki(pki, agentHost);
  return {
    directory,
    tls: (role) => ({ ca: join(pki, 'ca.crt'), certificate: join(pki, `${role}.crt`), key: join(pki, `${role}.key`) }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A bus that outlives the coordinators which use it, and delivers each result until somebody has taken it. */
export class MemoryBus {
  private readonly pending: ResultEvent[] = [];
  private hear: ((heartbeat: Heartbeat) => void) | undefined;
  private take: ((result: ResultEvent) => Promise<void>) | undefined;
  private delivering: boolean = false;

  publishHeartbeat(heartbeat: Heartbeat): void {
    this.hear?.(heartbeat);
  }

  publishResult(result: ResultEvent): Promise<void> {
    this.pending.push(result);
    void this.deliver();
    return Promise.resolve();
  }

  open(): Promise<CoordinatorBus> {
    return Promise.resolve({
      subscribeHeartbeats: (hear) => {
        this.hear = hear;
      },
      consumeResults: (take) => {
        this.take = take;
        void this.deliver();
      },
      close: () => {
        this.hear = undefined;
        this.take = undefined;
        return Promise.resolve();
      },
    });
  }

  private async deliver(): Promise<void> {
    if (this.delivering) return;
    this.delivering = true;
    for (let next = this.pending[0]; next !== undefined && this.take !== undefined; next = this.pending[0]) {
      try {
        await this.take(next);
        this.pending.shift();
      } catch {
        // The coordinator went away before it had it; the next one gets it again.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    this.delivering = false;
  }
}

/** The part of the bus that an agent uses. */
export type AgentBus = Pick<Bus, 'publishHeartbeat' | 'publishResult'>;

type Order = {
  readonly attempt: { runId: string; attemptId: string; epoch: number } | null;
  readonly slotId: string;
  readonly answerIsStart: boolean;
};

/** What an execution is to come to. */
export type Fate = { readonly afterMs: number; readonly failureReason?: FailureReason } | 'never';

/** A gpu-agent whose executions take milliseconds. It sends each event until it has the receipt. */
export class FakeAgent {
  readonly running = new Map<string, { readonly order: Order; readonly epoch: number }>();
  /** Every execution that came to an end, in order. */
  readonly ended: ResultEvent[] = [];
  readonly outbox = new Map<number, ResultEvent>();
  readonly orders: unknown[] = [];
  fate: (attemptId: string) => Fate = () => ({ afterMs: 5 });
  silent: boolean = false;
  address = '';
  private sequence = 0;
  /** How often the stream took an event. */
  private readonly taken = new Map<number, number>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private artifacts: RpcClient<'doubleblind.coordinator.v1.ArtifactService'> | undefined;
  private readonly bus: AgentBus;
  private readonly tls: TlsPaths;
  private closeServer: (() => Promise<void>) | undefined;

  constructor(bus: AgentBus, tls: TlsPaths) {
    this.bus = bus;
    this.tls = tls;
  }

  async start(): Promise<void> {
    const service = implement('doubleblind.agent.v1.AgentService', {
      describeHost: async () => ({ host: agentHost, bootId: 'boot', version: '0', slots: [], outboxEvents: 0 }),
      startAttempt: async (order) => {
        this.orders.push(order);
        return { alreadyKnown: this.begin(order) };
      },
      cancelAttempt: async ({ attempt }) => ({ known: await this.cancel(attempt?.attemptId ?? '') }),
      renewLeases: async ({ attempts, confirmed }) => {
        this.confirm(confirmed);
        const unknown = attempts.filter(({ attemptId, epoch }) => !this.holds(attemptId, epoch));
        return { unknown, bootId: 'boot', receiptsTaken: true };
      },
      confirmEvents: async ({ sequences }) => {
        this.confirm(sequences);
        return {};
      },
      watchTranscript: async function* ({ fromEntry }) {
        for (const entry of [0, 1]) if (entry >= fromEntry) yield { entry, json: `{"entry":${entry}}` };
      },
    });
    const server = await startRpcServer({
      listen: '127.0.0.1:0',
      tls: this.tls,
      services: [service],
      log: silentLogger,
    });
    this.address = server.address;
    this.closeServer = () => server.stop(0);
    this.every(50, () => this.silent || this.bus.publishHeartbeat(this.heartbeat()));
    this.every(200, () => {
      for (const event of this.outbox.values()) this.publish(event);
    });
  }

  /** Where artifacts go. */
  useCoordinator(address: string): void {
    this.artifacts?.close();
    this.artifacts = createRpcClient({
      service: 'doubleblind.coordinator.v1.ArtifactService',
      address,
      tls: this.tls,
      expectRole: 'coordinator',
    });
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.artifacts?.close();
    await this.closeServer?.();
  }

  async put(content: string | Buffer): Promise<string> {
    const bytes = Buffer.from(content);
    const digest = sha256(bytes);
    const header = { digest, sizeBytes: bytes.length };
    for (;;) {
      try {
        await this.artifacts?.putArtifact([{ header }, { chunk: bytes }], { deadlineMs: 2000 });
        return digest;
      } catch (error) {
        // Of an attempt that was given up nothing is stored; its end is reported all the same.
        if (error instanceof RpcFault && error.reason === 'notHeld') return digest;
        if (error instanceof RpcFault && error.code === 'invalidArgument') throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  private every(ms: number, act: () => void): void {
    this.timers.add(setInterval(act, ms));
  }

  private holds(attemptId: string, epoch: number): boolean {
    const pending = [...this.outbox.values()];
    return (
      this.running.get(attemptId)?.epoch === epoch ||
      pending.some((event) => event.attemptId === attemptId && event.epoch === epoch)
    );
  }

  private begin(order: Order): boolean {
    const attempt = order.attempt;
    if (attempt === null) throw new RpcFault('invalidArgument', 'no attempt');
    const seen = this.ended.some((event) => event.attemptId === attempt.attemptId && event.epoch === attempt.epoch);
    if (seen || this.running.get(attempt.attemptId)?.epoch === attempt.epoch) return true;
    this.running.set(attempt.attemptId, { order, epoch: attempt.epoch });
    if (!order.answerIsStart) this.emit(order, 'attemptStarted', { slotId: order.slotId });
    const fate = this.fate(attempt.attemptId);
    if (fate === 'never') return false;
    this.timers.add(setTimeout(() => void this.finish(order, fate.failureReason), fate.afterMs));
    return false;
  }

  private async finish(order: Order, failureReason: FailureReason | undefined): Promise<void> {
    const id = order.attempt?.attemptId ?? '';
    if (!this.running.has(id)) return;
    const transcript = await this.put(`{"entry":0}\n{"entry":1,"of":"${id}"}\n`);
    const submission = failureReason === undefined ? { submission: await this.put(`submission of ${id}`) } : {};
    const program = { path: 'main.py', bytes: Buffer.from(`print("${id}")\n`), executable: false };
    const artifacts = { solution: await this.put(await packFiles([program])), transcript, ...submission };
    if (!this.running.delete(id)) return;
    const usage = { ...noUsage, wallSeconds: 1, turns: 3 };
    const failure = failureReason === undefined ? {} : { failureReason, failureMessage: 'so it was told' };
    this.emit(order, 'attemptEnded', { ...failure, artifacts, usage, runSeconds: 1, note: `note of ${id}` });
  }

  private async cancel(id: string): Promise<boolean> {
    const held = this.running.get(id);
    if (held === undefined) return [...this.outbox.values()].some((event) => event.attemptId === id);
    await this.finish(held.order, 'cancelled');
    return true;
  }

  private confirm(sequences: readonly number[]): void {
    for (const sequence of sequences) this.outbox.delete(sequence);
  }

  private emit(order: Order, kind: ResultEvent['kind'], body: unknown): void {
    this.sequence += 1;
    const attempt = order.attempt ?? { runId: '', attemptId: '', epoch: 0 };
    const event = { v: 1, host: agentHost, bootId: 'boot', seq: this.sequence, ...attempt, kind, body } as ResultEvent;
    this.outbox.set(event.seq, event);
    if (kind === 'attemptEnded') this.ended.push(event);
    this.publish(event);
  }

  /** Where the bus is away, the outbox is sent again soon; what the stream had is a repeat. */
  private publish(event: ResultEvent): void {
    const repeat = this.taken.get(event.seq) ?? 0;
    this.bus.publishResult(event, repeat).then(
      () => this.taken.set(event.seq, repeat + 1),
      () => undefined,
    );
  }

  private heartbeat(): Heartbeat {
    const slots = [0, 1].map((index) => ({
      ...{ slotId: `cpu-${index}`, kind: 'cpu' as const, deviceName: '', deviceMemoryBytes: 0, capacity: 2 },
      ...{ health: 'healthy' as const, healthReason: '', attempts: [] },
    }));
    const about = { v: 1 as const, host: agentHost, bootId: 'boot', seq: 0, version: '0', draining: false };
    return { ...about, address: this.address, slots, outboxEvents: this.outbox.size };
  }
}

/** An evaluator whose scores follow from the digest, so that the same submission always has the same one. */
export class FakeEvaluator {
  readonly answers = new Map<string, number>();
  readonly calls: string[] = [];
  sealed: string[] | undefined;
  readonly forks: string[] = [];
  refuse: (candidate: string) => boolean = () => false;
  /** What was handed in by refits, and what is said to it; empty for yes. */
  readonly refits: string[] = [];
  refitRefusal = '';
  /** What the task says. */
  refit = false;
  address = '';
  private closeServer: (() => Promise<void>) | undefined;

  async start(tls: TlsPaths): Promise<void> {
    const info = () => ({ ...task, bundleDigest, bundleBytes: bundle.length, refit: this.refit });
    const service = implement('doubleblind.evaluator.v1.EvaluatorService', {
      listTasks: async () => ({ tasks: [info()] }),
      describeTask: async ({ name }) => {
        if (name !== task.name) throw new RpcFault('notFound', 'no such task');
        return { task: info() };
      },
      getBundle: async function* () {
        yield { chunk: bundle };
      },
      evaluate: async (requests) => await this.evaluate(requests),
      forkRun: async ({ runId, fromRunId, candidates }) => {
        this.forks.push(`${runId} from ${fromRunId}: ${candidates.length}`);
        return {};
      },
      sealRun: async ({ runId, candidateIds }) => {
        this.sealed = candidateIds;
        const finalists = candidateIds.map((candidateId) => ({ candidateId, searchScore: 1, validationScore: 2 }));
        return { verdict: { runId, winnerId: candidateIds[0] ?? '', finalists, hasFinalSubmission: true } };
      },
      getFinalSubmission: async function* () {
        yield { chunk: Buffer.from('id,target\n1,2\n') };
      },
      getRefitBundle: async function* () {
        yield { chunk: refitBundle };
      },
      submitRefit: async (requests) => {
        const texts: string[] = [];
        for await (const { chunk } of requests) if (chunk !== undefined) texts.push(chunk.toString());
        this.refits.push(texts.join(''));
        return this.refitRefusal === '' ? {} : { refusal: { message: this.refitRefusal } };
      },
      listLedger: async () => ({ records: [] }),
    });
    const server = await startRpcServer({ listen: '127.0.0.1:0', tls, services: [service], log: silentLogger });
    this.address = server.address;
    this.closeServer = () => server.stop(0);
  }

  async stop(): Promise<void> {
    await this.closeServer?.();
  }

  private async evaluate(
    requests: AsyncIterable<{
      header?: { candidate: { attemptId: string } | null; submissionDigest: string };
      chunk?: Buffer;
    }>,
  ) {
    let candidate = '';
    let announced = '';
    const chunks: Buffer[] = [];
    for await (const { header, chunk } of requests) {
      if (header !== undefined) {
        candidate = header.candidate?.attemptId ?? '';
        announced = header.submissionDigest;
      }
      if (chunk !== undefined) chunks.push(chunk);
    }
    const digest = sha256(Buffer.concat(chunks));
    if (digest !== announced) throw new RpcFault('invalidArgument', 'other bytes than announced');
    this.calls.push(candidate);
    if (this.refuse(candidate)) {
      return { refusal: { error: 'SUBMISSION_ERROR_INVALID_VALUE' as const, message: 'row 3: not a number', line: 3 } };
    }
    // By chance of its bytes, and never so far from the others that the coordinator would hold the candidate back.
    const value = 3 + (5 * Number.parseInt(digest.slice(0, 6), 16)) / 2 ** 24;
    this.answers.set(candidate, value);
    return { score: { value, standardError: 0.01, feedback: value.toFixed(1), quarantined: false } };
  }
}

/** A gateway that opens every account. */
export async function startFakeGateway(tls: TlsPaths): Promise<{ address: string; stop(): Promise<void> }> {
  const service = implement('doubleblind.gateway.v1.LlmService', {
    openAttempt: async ({ attempt }) => ({ token: `token of ${attempt?.attemptId} ${attempt?.epoch}` }),
    closeAttempt: async () => ({}),
    complete: async () => ({}),
    getSpend: async () => ({}),
    listModels: async () => ({}),
    checkModel: async () => ({}),
  });
  const server = await startRpcServer({ listen: '127.0.0.1:0', tls, services: [service], log: silentLogger });
  return { address: server.address, stop: () => server.stop(0) };
}
