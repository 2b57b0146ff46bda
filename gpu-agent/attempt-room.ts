// The things that an attempt works with: its parents' files, its sandboxes, its staging directory.
//
// Owns: making, finding and removing the sandboxes of one attempt; reading its inputs once.
// Leaves to attempt.ts: when. Invariants: 1. `removeSandboxes` leaves none, also none that is being made meanwhile, and none that an engine which
// went away in the middle has made or kept; where the engine is away, that is tried until it is back. 2. `settle` resolves when nothing computes in
// any of them, which the slot is kept for; what it cannot know that of is removed.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { type Digest, digest } from '../shared/core/ids.ts';
import { type ArtifactDirectory, openArtifactDirectory } from '../shared/store/artifacts.ts';
import { packFiles } from '../shared/store/tree.ts';
import type { ArtifactClient } from './artifacts/artifact-client.ts';
import type { Bundles } from './artifacts/bundles.ts';
import type { AttemptOrder, OrderedParent } from './attempt-order.ts';
import type { Settling } from './core/slot-lock.ts';
import type { PackageOffer } from './packages/package-offer.ts';
import { retrying } from './retry.ts';
import {
  interruptedWhereEnded,
  type Sandbox,
  type SandboxEngine,
  SandboxInterrupted,
  type SandboxPurpose,
} from './sandbox/sandbox.ts';
import { type ParentFiles, solutionFiles } from './tools/parent-files.ts';

export interface RoomOptions {
  readonly order: AttemptOrder;
  readonly engine: SandboxEngine;
  readonly artifacts: ArtifactClient;
  readonly bundles: Bundles;
  readonly packages: PackageOffer | undefined;
  /** GPU or MIG UUID; absent on a CPU slot. */
  readonly device?: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Directory for what attempts produce before it is stored. */
  readonly stagingDirectory: string;
  readonly clock: Clock;
  /** Aborts when the daemon stops; the next one removes what nobody holds. */
  readonly stopping: AbortSignal;
}

const labels = ['A', 'B'] as const;
/** Until the daemon stops. */
const always = {
  ...{ baseMs: 500, capMs: 5000, random: () => 0.5 },
  ...{ patienceMs: Number.POSITIVE_INFINITY, mayHelp: () => true },
} as const;

export class AttemptRoom {
  readonly #options: RoomOptions;
  readonly #stagingPath: string;
  #exploring: Sandbox | undefined;
  #cleaning: Sandbox | undefined;
  /** To be removed, and not known to be. */
  readonly #leaving = new Set<Sandbox>();
  /** True where the engine failed, so that there may be a sandbox of ours that we do not know. */
  #mayHaveStrays: boolean = false;
  /** An earlier daemon's that could not be taken up. */
  #unadopted: { readonly containerId: string; readonly mayBeAdopted: boolean } | undefined;
  #isRemovingLater: boolean = false;
  #isLossUntold: boolean = false;
  #kills = 0;
  readonly #closed = new AbortController();
  #parents: Promise<readonly ParentFiles[]> | undefined;
  #staging: Promise<ArtifactDirectory> | undefined;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#stagingPath = join(options.stagingDirectory, `${options.order.attemptId}-${options.order.epoch}`);
  }

  parents(): Promise<readonly ParentFiles[]> {
    this.#parents ??= Promise.all(this.#options.order.parents.slice(0, labels.length).map(this.#readParent));
    return this.#parents;
  }

  /** The sandbox of the trajectory; made, with the parents' files in it, where there is none. */
  async explore(): Promise<Sandbox> {
    if (this.#exploring !== undefined) return this.#exploring;
    const parents = await this.parents();
    const sandbox = await this.#create('explore');
    this.#exploring = sandbox;
    try {
      for (const parent of parents) {
        const tar = await packFiles(parent.files);
        await sandbox.putTree(tar, `/work/parents/${parent.label}`).catch(interruptedWhereEnded);
      }
    } catch (error) {
      // Where it is tried again, no part of the files may be taken for all of them.
      await this.#dropExplore();
      throw error;
    }
    return sandbox;
  }

  /** There is one that only the engine knows of. */
  mayHoldStrays(): void {
    this.#mayHaveStrays = true;
  }

  async adopt(containerId: string): Promise<void> {
    const { engine } = this.#options;
    try {
      this.#exploring = await this.#noted(engine.adopt(containerId));
      this.#unadopted = undefined;
    } catch (error) {
      this.#unadopted = { containerId, mayBeAdopted: error instanceof SandboxInterrupted };
      throw error;
    }
    // It was stopped meanwhile, when there was nothing to remove yet.
    if (this.#closed.signal.aborted) await this.#drop(this.#exploring).catch(() => undefined);
  }

  /** A new sandbox for the clean-slate run; the trajectory's own one is removed first, and one that was interrupted. */
  async cleanSlate(): Promise<Sandbox> {
    await this.#dropExplore();
    await this.#drop(this.#cleaning);
    this.#cleaning = await this.#create('cleanSlate');
    return this.#cleaning;
  }

  /** Whether the trajectory's sandbox still runs; one that ended is removed. */
  async exploreRuns(): Promise<boolean> {
    const id = this.#exploring?.identity.containerId;
    const found = (await this.#options.engine.list()).find((sandbox) => sandbox.containerId === id);
    if (found?.running === true) return true;
    this.#isLossUntold = true;
    await this.#dropExplore();
    return false;
  }

  /** True once after the trajectory's sandbox had ended: its files are gone, and the model is to know. */
  tellLoss(): boolean {
    const isUntold = this.#isLossUntold;
    this.#isLossUntold = false;
    return isUntold;
  }

  /** True the first time: who kills a whole sandbox once may have been its engine, but a program that does so again is the cause. */
  isFirstKill(): boolean {
    this.#kills += 1;
    return this.#kills === 1;
  }

  /** The clean-slate run is over; where the sandbox cannot be removed now, that is done with the attempt's end. */
  async finishCleanSlate(): Promise<void> {
    await this.#drop(this.#cleaning).catch(() => undefined);
  }

  settling(signal: AbortSignal): Settling {
    return { isSettled: () => this.#leaving.size === 0, settle: () => this.#settle(signal) };
  }

  /**
   * To be awaited after a failure before others get the slot, because what was asked of a sandbox may still compute. Resolves when nothing does, or when the
   * daemon stops; never rejects. A sandbox that does not tell is removed. `signal` is the command's: without a removal it says that the attempt is left to the
   * next daemon, which sees to this.
   */
  async #settle(signal: AbortSignal): Promise<void> {
    const exploring = this.#exploring;
    if (this.#cleaning !== undefined) this.#leaving.add(this.#cleaning);
    this.#cleaning = undefined;
    const silence = async (): Promise<void> => {
      if (this.#closed.signal.aborted) return await this.#noted(this.#removeAll());
      if (signal.aborted) return;
      await this.#quietUnadopted();
      if (exploring !== undefined) await this.#quiet(exploring);
      await this.#dropLeaving();
    };
    const { clock, stopping } = this.#options;
    await retrying(silence, { clock, signal: stopping, ...always }).catch(() => undefined);
  }

  /** What is to be adopted yet, or cannot be. */
  async #quietUnadopted(): Promise<void> {
    const { engine } = this.#options;
    if (this.#unadopted === undefined) return;
    const { containerId, mayBeAdopted } = this.#unadopted;
    try {
      if (mayBeAdopted) await engine.silence(containerId);
      else await engine.remove(containerId);
      this.#unadopted = undefined;
    } catch (error) {
      if (!(error instanceof SandboxInterrupted)) this.#unadopted = { containerId, mayBeAdopted: false };
      throw error;
    }
  }

  async #quiet(sandbox: Sandbox): Promise<void> {
    try {
      await sandbox.quiet();
    } catch (error) {
      if (error instanceof SandboxInterrupted) throw error;
      this.#leaving.add(sandbox);
      if (this.#exploring !== sandbox) return;
      this.#exploring = undefined;
      this.#isLossUntold = true;
    }
  }

  /** For good: what is being made meanwhile is removed as soon as it is there. Rejects where the engine fails, and goes on trying then. */
  async removeSandboxes(): Promise<void> {
    this.#closed.abort();
    await this.#noted(this.#removeAll());
  }

  /** Where the attempt's products lie until the coordinator has them. */
  staging(): Promise<ArtifactDirectory> {
    this.#staging ??= openArtifactDirectory(this.#stagingPath).catch((error: unknown) => {
      // A disk that is full now may not be when it is needed again.
      this.#staging = undefined;
      throw error;
    });
    return this.#staging;
  }

  async removeStaging(): Promise<void> {
    await rm(this.#stagingPath, { recursive: true, force: true });
  }

  readonly #readParent = async (parent: OrderedParent, index: number): Promise<ParentFiles> => {
    const { artifacts } = this.#options;
    const { solutionDigest, logDigest, ...rest } = parent;
    const files = await solutionFiles(await artifacts.get(solutionDigest));
    const log = logDigest === undefined ? '' : (await artifacts.get(logDigest)).toString('utf8');
    return { ...rest, label: labels[index] ?? 'A', log, files };
  };

  async #create(purpose: SandboxPurpose): Promise<Sandbox> {
    const { order, engine, bundles, packages, device, environment } = this.#options;
    const bundle = await bundles.get(order.task.bundleDigest);
    const { memoryBytes, cpus, diskBytes, pids } = order.limits;
    const sandbox = await this.#noted(
      engine.create({
        runId: order.runId,
        attemptId: order.attemptId,
        epoch: order.epoch,
        slotId: order.slotId,
        purpose,
        bundleDirectory: bundle.directory,
        ...(order.task.sandboxImage ? { image: order.task.sandboxImage } : {}),
        ...(packages === undefined ? {} : { packages: true }),
        ...(device === undefined ? {} : { device }),
        memoryBytes,
        cpus,
        diskBytes,
        pids,
        environment: { ...environment, DOUBLEBLIND_SEED: String(order.seed) },
      }),
    );
    if (!this.#closed.signal.aborted) return sandbox;
    await this.#drop(sandbox).catch(() => undefined);
    throw new Error('the attempt was stopped while its sandbox was made');
  }

  async #dropExplore(): Promise<void> {
    const sandbox = this.#exploring;
    this.#exploring = undefined;
    await this.#drop(sandbox);
  }

  async #drop(sandbox: Sandbox | undefined): Promise<void> {
    if (sandbox === undefined) return;
    this.#leaving.add(sandbox);
    await this.#noted(sandbox.remove());
    this.#leaving.delete(sandbox);
  }

  async #dropLeaving(): Promise<void> {
    for (const sandbox of [...this.#leaving]) await this.#drop(sandbox);
  }

  async #noted<Value>(work: Promise<Value>): Promise<Value> {
    try {
      return await work;
    } catch (error) {
      this.#mayHaveStrays = true;
      // Nobody may ask for a removal any more.
      if (this.#closed.signal.aborted) this.#removeLater();
      throw error;
    }
  }

  async #removeAll(): Promise<void> {
    const { engine, order } = this.#options;
    for (const sandbox of [this.#exploring, this.#cleaning]) await this.#drop(sandbox);
    await this.#dropLeaving();
    if (!this.#mayHaveStrays) return;
    for (const { containerId, attemptId, epoch } of await engine.list())
      if (attemptId === order.attemptId && epoch === order.epoch) await engine.remove(containerId);
    this.#mayHaveStrays = false;
  }

  #removeLater(): void {
    if (this.#isRemovingLater) return;
    this.#isRemovingLater = true;
    const { clock, stopping } = this.#options;
    retrying(() => this.#removeAll(), { clock, signal: stopping, ...always })
      .catch(() => undefined)
      .finally(() => {
        this.#isRemovingLater = false;
      });
  }
}

/** A digest that our own transcript holds. */
export function knownDigest(text: string): Digest {
  return digest(text);
}
