// What the agent's tests share: a whole agent over fakes of its ports, in a temporary directory. For tests only.

import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Heartbeat, ResultEvent } from '../../shared/bus/messages.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { attemptId, type Digest, runId, slotId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { openArtifactDirectory } from '../../shared/store/artifacts.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { packFiles } from '../../shared/store/tree.ts';
import { type Agent, startAgent } from '../agent.ts';
import { createArtifactClient, type RemoteArtifacts } from '../artifacts/artifact-client.ts';
import { openBundles } from '../artifacts/bundles.ts';
import type { AttemptOrder } from '../attempt-order.ts';
import type { Model } from '../model/model.ts';
import { type HostBook, openHostBook } from '../outbox/host-book.ts';
import type { PackageOffer } from '../packages/package-offer.ts';
import { openPerformers } from '../performer.ts';
import { loadPrompts } from '../prompts/prompts.ts';
import { createFakeSandboxEngine, type FakeScript } from '../sandbox/fake-sandbox.ts';
import type { SandboxEngine } from '../sandbox/sandbox.ts';
import type { Scores } from '../scores/scores.ts';
import { cpuSlots } from '../slots.ts';

/** An artifact store in memory that can be away. */
export class MemoryArtifacts implements RemoteArtifacts {
  readonly files = new Map<Digest, Uint8Array>();
  away: boolean = false;

  add(bytes: Uint8Array): Digest {
    const digest = sha256(bytes);
    this.files.set(digest, bytes);
    return digest;
  }

  async *fetch(digest: Digest): AsyncGenerator<Uint8Array> {
    await this.#answer();
    const bytes = this.files.get(digest);
    if (bytes === undefined) throw new RpcFault('notFound', 'no such artifact');
    yield bytes;
  }

  async store(digest: Digest, bytes: Uint8Array): Promise<void> {
    await this.#answer();
    this.files.set(digest, bytes);
  }

  async #answer(): Promise<void> {
    await Promise.resolve();
    if (this.away) throw new RpcFault('unavailable', 'the coordinator is away');
  }
}

/** A bus that remembers. */
class MemoryBus {
  readonly heartbeats: Heartbeat[] = [];
  readonly results: ResultEvent[] = [];
  away: boolean = false;

  publishHeartbeat(heartbeat: Heartbeat): void {
    this.heartbeats.push(heartbeat);
  }

  publishResult(event: ResultEvent): Promise<void> {
    if (this.away) return Promise.reject(new Error('the bus is away'));
    this.results.push(event);
    return Promise.resolve();
  }

  /** The end of an attempt, once it was published. */
  ended(id: string): Extract<ResultEvent, { kind: 'attemptEnded' }> | undefined {
    for (const event of this.results) if (event.kind === 'attemptEnded' && event.attemptId === id) return event;
    return undefined;
  }
}

interface RigOptions {
  readonly script?: FakeScript;
  /** Instead of the fake engine. */
  readonly engine?: SandboxEngine;
  /** What agents may install. */
  readonly packages?: PackageOffer;
  /** Answers to scores that are asked for; none where nothing is said. */
  readonly scores?: Scores;
  readonly clock?: Clock;
  readonly trajectoriesPerSlot?: number;
  /** CPU slots; two where nothing is said. */
  readonly slots?: number;
}

export interface Rig {
  readonly directory: string;
  readonly artifacts: MemoryArtifacts;
  readonly bus: MemoryBus;
  readonly bundleDigest: Digest;
  /** Starts an agent over the rig's state; a second one stands for the daemon after a restart. */
  start(model: Model, options?: RigOptions): Promise<Agent>;
  order(fields?: Partial<AttemptOrder>): AttemptOrder;
  /** Sandboxes that exist. */
  sandboxes(): Promise<number>;
  remove(): Promise<void>;
}

/** Over a directory of its own, or over that of a rig in another process. */
export async function openRig(directory = mkdtempSync(join(tmpdir(), 'doubleblind-agent-'))): Promise<Rig> {
  const artifacts = new MemoryArtifacts();
  const bus = new MemoryBus();
  const text = (path: string, content: string) => ({ path, bytes: Buffer.from(content), executable: false });
  const bundle = await packFiles([
    text('train.csv', 'id,x,y\n1,0.5,1\n2,0.25,0\n'),
    text('test.csv', 'id,x\n3,0.5\n4,0.25\n'),
    text('sample_submission.csv', 'id,y\n3,0\n4,0\n'),
  ]);
  const bundleDigest = artifacts.add(bundle);
  const root = join(directory, 'sandboxes');
  const agents: Agent[] = [];
  const books: HostBook[] = [];
  const stopping = new AbortController();
  return {
    directory,
    artifacts,
    bus,
    bundleDigest,
    async start(model, options = {}) {
      const clock = options.clock ?? systemClock;
      const book = openHostBook(join(directory, 'host.sqlite'));
      books.push(book);
      const agent = await startRigAgent({ directory, root, artifacts, bus, book, model, clock, stopping, ...options });
      agents.push(agent);
      return agent;
    },
    order: (fields = {}) => ({ ...sampleOrder(bundleDigest), ...fields }),
    sandboxes: async () => (await createFakeSandboxEngine({ root }).list()).length,
    async remove() {
      stopping.abort(new Error('the rig is removed'));
      for (const agent of agents) await agent.stop();
      for (const book of books) book.close();
      const engine = createFakeSandboxEngine({ root });
      for (const { containerId } of await engine.list()) await engine.remove(containerId);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface RigAgent {
  readonly directory: string;
  readonly root: string;
  readonly artifacts: MemoryArtifacts;
  readonly bus: MemoryBus;
  readonly book: HostBook;
  readonly model: Model;
  readonly clock: Clock;
  readonly stopping: AbortController;
  readonly script?: FakeScript;
  readonly engine?: SandboxEngine;
  readonly packages?: PackageOffer;
  readonly scores?: Scores;
  readonly trajectoriesPerSlot?: number;
  readonly slots?: number;
}

const noScores: Scores = { ask: async () => await Promise.resolve({ kind: 'denied', message: 'there are none here' }) };

async function startRigAgent({
  directory,
  root,
  artifacts,
  bus,
  book,
  model,
  clock,
  stopping,
  ...rest
}: RigAgent): Promise<Agent> {
  const random = (): number => 0.5;
  const client = await createArtifactClient({
    remote: artifacts,
    cache: await openArtifactDirectory(join(directory, 'cache')),
    maxBytes: 2 ** 20,
    patienceMs: 1000,
    clock,
    log: silentLogger,
    random,
    signal: new AbortController().signal,
  });
  const engine =
    rest.engine ?? createFakeSandboxEngine({ root, ...(rest.script === undefined ? {} : { script: rest.script }) });
  const agent = await startAgent({
    ports: {
      host: 'host-1',
      bootId: `boot-${Math.random().toString(36).slice(2)}`,
      book,
      engine,
      clock,
      log: silentLogger,
      openPerformer: openPerformers({
        engine,
        model,
        artifacts: client,
        bundles: await openBundles({
          directory: join(directory, 'bundles'),
          artifacts: client,
          maxBytes: 2 ** 30,
          inUse: () => new Set(),
        }),
        packages: rest.packages,
        scores: rest.scores ?? noScores,
        prompts: loadPrompts(),
        clock,
        stagingDirectory: join(directory, 'staging'),
        environment: {},
        stopping: stopping.signal,
      }),
    },
    bus,
    version: 'test',
    imageDigest: 'fake',
    slots: () => cpuSlots(rest.slots ?? 2),
    trajectoriesPerSlot: rest.trajectoriesPerSlot ?? 2,
    contextCharacters: 100_000,
    random,
    heartbeatMs: 20,
  });
  agent.announce('127.0.0.1:7442');
  return agent;
}

export function sampleOrder(bundleDigest: Digest): AttemptOrder {
  return {
    runId: runId('run-1'),
    attemptId: attemptId('attempt-1'),
    epoch: 1,
    slotId: slotId('cpu-0'),
    leaseTtlMs: 60_000,
    operator: 'draft',
    task: {
      name: 'tiny',
      version: 'v1',
      title: 'A tiny task',
      metric: 'rmse',
      lowerIsBetter: true,
      idColumn: 'id',
      targetColumn: 'y',
      predictionColumns: ['y'],
      bundleDigest,
      description: 'Predict y.',
      trainRows: 2,
      testRows: 2,
    },
    parents: [],
    notes: [],
    limits: {
      executionSeconds: 20,
      toolSeconds: 10,
      trajectorySeconds: 120,
      turns: 12,
      tokens: 0,
      memoryBytes: 2 ** 29,
      cpus: 1,
      diskBytes: 2 ** 26,
      pids: 64,
    },
    seed: 7,
    gatewayToken: 'secret-token',
    model: '',
    guidance: '',
  };
}
