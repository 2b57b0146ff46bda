// What an attempt does in the simulation: thinks by the real gateway, runs a tool, submits, runs from a clean slate, stores. Containers belong to
// the host and outlive the daemon; everything else is time and chance.

import type { ScoreRequest } from '../../coordinator/runs/score-desk.ts';
import { callModel } from '../../gpu-agent/attempt-work.ts';
import { computing, type Settling } from '../../gpu-agent/core/slot-lock.ts';
import type { Model } from '../../gpu-agent/model/model.ts';
import type { Performer } from '../../gpu-agent/performer.ts';
import { engineRecovers } from '../../gpu-agent/sandbox/engine-recovers.ts';
import type { PerformerOptions } from '../../gpu-agent/work.ts';
import { delay } from '../../shared/clock.ts';
import { type AttemptId, type Digest, digest, type RunId, type SlotId } from '../../shared/core/ids.ts';
import { nextFloat, nextInt, type Rng } from '../../shared/core/rng.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { SimEngine } from './engine.ts';
import type { SimProcess } from './process.ts';
import { type Product, productOf, submissionOf } from './products.ts';
import type { Conversation } from './provider.ts';

export interface Surroundings {
  readonly process: SimProcess;
  readonly engine: SimEngine;
  /** False in an agent with that bug: then nobody waits for what a failed call has left under way. */
  readonly settles: boolean;
  readonly rng: Rng;
  /** Told of what fails. */
  readonly note: (error: unknown) => void;
  /** Told of what must not be. */
  readonly fail: (problem: string) => void;
  /** Streams an artifact to the coordinator; rejects while it cannot be reached. */
  readonly store: (product: Product) => Promise<void>;
  /** Asks the coordinator for a score; rejects while it cannot be reached, or where there is none to be had. */
  readonly score: (request: Omit<ScoreRequest, 'host'>) => Promise<unknown>;
  readonly model: Model;
}

type Perform = Performer['perform'];
type Command = Parameters<Perform>[0];
type Outcome = Awaited<ReturnType<Perform>>;

const failureShare = 0.1;
const meanToolMs = 2500;

export function simPerformer(around: Surroundings, options: PerformerOptions): Performer {
  return new SimPerformer(around, options);
}

class SimPerformer implements Performer {
  private readonly around: Surroundings;
  private readonly options: PerformerOptions;
  private readonly mine = new Set<string>();
  private closed: boolean = false;

  constructor(around: Surroundings, options: PerformerOptions) {
    this.around = around;
    this.options = options;
  }

  async perform(command: Command, signal: AbortSignal): Promise<Outcome> {
    try {
      const outcome = await this.act(command, signal);
      return { ...outcome, elapsedSeconds: this.options.time.elapsedSeconds() } as Outcome;
    } catch (error) {
      this.around.note(error);
      throw error;
    }
  }

  recovers(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { engine, process } = this.around;
    return engineRecovers(error, { engine, clock: process.clock, signal });
  }

  async adopt(containerId: string, signal: AbortSignal): Promise<void> {
    const { slot } = this.options;
    this.mine.add(containerId);
    const release = await slot.acquire('cleanSlate', signal);
    await computing(slot, release, this.settling([containerId], signal), () => this.around.engine.silence(containerId));
  }

  /** Where the engine is away it rejects and goes on trying, as the real one does. */
  async removeSandboxes(): Promise<void> {
    this.closed = true;
    try {
      await this.removeAll();
    } catch (error) {
      const { engine, process } = this.around;
      const later = { clock: process.clock, signal: new AbortController().signal };
      engineRecovers(error, { engine, ...later }).then(
        () => this.removeAll(),
        () => undefined,
      );
      throw error;
    }
  }

  removeStaging(): Promise<void> {
    return Promise.resolve();
  }

  private async act(command: Command, signal: AbortSignal): Promise<object> {
    switch (command.kind) {
      case 'prepare':
        await this.sleep(100, signal);
        if (this.isRefit) return { kind: 'solutionTaken', digest: this.winner(), bytes: 1 };
        await this.create('explore');
        return { kind: 'begun', messages: [{ role: 'user', content: JSON.stringify(this.conversation()) }] };
      case 'callModel':
        return await callModel(command, this.thinking(), signal);
      case 'runTool':
        if (command.request.tool === 'score') await this.look(command.request.path ?? '', signal);
        else await this.callTool(signal);
        return { ...quietTool, kind: 'toolEnded', callId: command.callId, tool: command.request.tool };
      case 'takeSolution':
        this.checkSandbox();
        return { kind: 'solutionTaken', digest: this.product('solution').digest, bytes: 1 };
      case 'runCleanSlate':
        await this.removeAll();
        await this.create('cleanSlate');
        await this.busy(2 * meanToolMs, signal);
        await this.removeAll();
        return this.execution();
      case 'storeArtifacts':
        return await this.storeAll(command.known, signal);
    }
  }

  /** In a new sandbox where the one before has ended: the model is told so. */
  private async callTool(signal: AbortSignal): Promise<void> {
    if (!this.hasSandbox()) {
      await this.removeAll();
      await this.create('explore');
    }
    await this.busy(meanToolMs, signal);
  }

  private conversation(): Conversation {
    const { runId, attemptId } = this.options.order;
    return { runId, attemptId };
  }

  private thinking(): Parameters<typeof callModel>[1] {
    const { options, around } = this;
    const { order, time } = options;
    return { order, time, model: around.model, clock: around.process.clock, remaining: () => options.remaining() };
  }

  private execution(): object {
    const failed = nextFloat(this.around.rng) < failureShare;
    const log = this.product('log').digest;
    const about = { kind: 'executed', exitStatus: failed ? 1 : 0, logDigest: log, logTail: '', ...noTimes };
    if (failed) return { ...about, end: 'crash' };
    return { ...about, end: 'completed', submissionDigest: this.submission().digest };
  }

  /** One more than there are; the last one is refused, and so are those of a host that lost the attempt. */
  private async look(path: string, signal: AbortSignal): Promise<void> {
    const { runId, attemptId, epoch } = this.options.order;
    const submission = this.submission(path);
    for (;;) {
      signal.throwIfAborted();
      try {
        await this.around.store(submission);
        await this.around.score({ runId, attemptId, epoch, submission: submission.digest });
        return;
      } catch (error) {
        if (error instanceof RpcFault && ['notHeld', 'scoresUsed'].includes(error.reason ?? '')) return;
        await this.sleep(1000, signal);
      }
    }
  }

  private async storeAll(known: object, signal: AbortSignal): Promise<object> {
    const artifacts = { ...known, transcript: this.product('transcript').digest };
    for (const [kind, name] of Object.entries(artifacts)) {
      const product = kind === 'submission' ? this.submission() : { digest: digest(name) };
      for (;;) {
        signal.throwIfAborted();
        try {
          await this.around.store(product);
          break;
        } catch {
          await this.sleep(1000, signal);
        }
      }
    }
    return { kind: 'artifactsStored', artifacts };
  }

  private product(kind: string): Product {
    return productOf(kind, this.options.order.attemptId, this.options.order.epoch);
  }

  private get isRefit(): boolean {
    return this.options.order.operator === 'refit';
  }

  private winner(): Digest {
    const [winner] = this.options.order.parents;
    if (winner === undefined) throw new Error('a refit without a winner');
    return winner.solutionDigest;
  }

  private submission(name = this.isRefit ? 'refit' : 'submission'): Product {
    return submissionOf(name, this.options.order.attemptId, this.options.order.epoch);
  }

  private async busy(meanMs: number, signal: AbortSignal): Promise<void> {
    const release = await this.options.slot.acquire('cleanSlate', signal);
    const own = [...this.mine];
    await computing(this.options.slot, release, this.settling(own, signal), () => this.compute(meanMs, signal));
  }

  private settling(containerIds: readonly string[], signal: AbortSignal): Settling {
    return { isSettled: () => true, settle: () => this.settle(containerIds, signal) };
  }

  /** As the room of an attempt does. */
  private async settle(containerIds: readonly string[], signal: AbortSignal): Promise<void> {
    const { engine, process, settles } = this.around;
    while (settles) {
      try {
        if (this.closed) await this.removeAll();
        else if (!signal.aborted) for (const id of containerIds) await engine.silence(id);
        return;
      } catch {
        await delay(process.clock, 1000);
      }
    }
  }

  /** In the newest sandbox. What fails goes on there until somebody sees to it. */
  private async compute(meanMs: number, signal: AbortSignal): Promise<void> {
    const { engine, fail } = this.around;
    const { slotId, attemptId } = this.options.order;
    for (const other of engine.containers.values())
      if (other.running && other.computes && other.slotId === slotId)
        fail(`${attemptId} computes beside ${other.attemptId}`);
    const own = [...this.mine].flatMap((id) => engine.containers.get(id) ?? []);
    for (const one of own) one.computes = true;
    await engine.during(this.sleep(meanMs, signal));
    for (const one of own) one.computes = false;
    this.checkSandbox();
  }

  private async sleep(meanMs: number, signal: AbortSignal): Promise<void> {
    const ms = meanMs * (0.3 + 1.4 * nextFloat(this.around.rng));
    if (!(await delay(this.around.process.clock, ms, signal))) signal.throwIfAborted();
  }

  private async create(purpose: 'explore' | 'cleanSlate'): Promise<void> {
    if (this.closed) throw new Error('the attempt was stopped while its sandbox was made');
    const { order } = this.options;
    const containerId = `${order.attemptId}-${order.epoch}-${nextInt(this.around.rng, 1e9)}`;
    const { runId, attemptId, epoch, slotId } = order;
    const identity: Identity = { runId, attemptId, epoch, slotId };
    const createdMs = this.around.process.clock.monotonicMs();
    this.mine.add(containerId);
    await this.around.engine.create({ ...identity, containerId, purpose, running: true, computes: false, createdMs });
  }

  /** The machine may have been off, or its engine have lost it. */
  private checkSandbox(): void {
    if (!this.hasSandbox()) throw new Error('the sandbox is gone');
  }

  private hasSandbox(): boolean {
    return [...this.mine].some((id) => this.around.engine.containers.get(id)?.running === true);
  }

  private async removeAll(): Promise<void> {
    for (const id of [...this.mine]) {
      await this.around.engine.remove(id);
      this.mine.delete(id);
    }
  }
}

interface Identity {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly slotId: SlotId;
}

const noTimes = { wallSeconds: 1, waitedSeconds: 0, cpuSeconds: 1, peakMemoryBytes: 0 };

const quietTool = {
  exitStatus: 0,
  observation: '',
  wallSeconds: 1,
  waitedSeconds: 0,
  slotSeconds: 1,
  peakMemoryBytes: 0,
  timedOut: false,
  outOfMemory: false,
};
