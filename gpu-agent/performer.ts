// How one attempt gets things done: its room and its work behind one small port, so that the actor knows neither.
//
// Implementations: `openPerformers` below (sandboxes, model, artifacts) and the simulator's.

import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/log.ts';
import type { ArtifactClient } from './artifacts/artifact-client.ts';
import type { Bundles } from './artifacts/bundles.ts';
import type { AttemptOrder } from './attempt-order.ts';
import { AttemptRoom } from './attempt-room.ts';
import { type OutsideCommand, perform } from './attempt-work.ts';
import type { SlotLock } from './core/slot-lock.ts';
import type { Remaining } from './core/trajectory.ts';
import type { TrajectoryEvent } from './core/trajectory-event.ts';
import type { Model } from './model/model.ts';
import type { PackageOffer } from './packages/package-offer.ts';
import type { Prompts } from './prompts/prompts.ts';
import { engineRecovers } from './sandbox/engine-recovers.ts';
import type { SandboxEngine } from './sandbox/sandbox.ts';
import type { Scores } from './scores/scores.ts';
import { performTraced } from './trajectory-trace.ts';
import type { TrajectoryClock } from './work.ts';

/** Carries out what one trajectory asks for. */
export interface Performer {
  /** Gives the event that the command came to; rejects where the host fails, or with the signal's reason. */
  perform(command: OutsideCommand, signal: AbortSignal): Promise<TrajectoryEvent>;
  /**
   * Whether what failed so may be done again, as after a restart of the daemon: the engine, or the way to it, was away. Resolves when it answers
   * again; rejects where that takes too long, or with the signal's reason.
   */
  recovers(error: unknown, signal: AbortSignal): Promise<boolean>;
  /** Takes up the sandbox of an earlier daemon. */
  adopt(containerId: string): Promise<void>;
  /** For good: also what is being made meanwhile. */
  removeSandboxes(): Promise<void>;
  removeStaging(): Promise<void>;
}

/** What the attempt tells its performer. */
export interface PerformerOptions {
  readonly order: AttemptOrder;
  readonly slot: SlotLock;
  /** GPU or MIG UUID; absent on a CPU slot. */
  readonly device?: string;
  readonly deviceName: string;
  readonly time: TrajectoryClock;
  readonly log: Logger;
  /** Lines of the transcript so far. */
  transcript(): Uint8Array;
  /** What is left at this moment. */
  remaining(): Remaining;
}

export type OpenPerformer = (options: PerformerOptions) => Performer;

/** What performers work with. */
export interface OutsidePorts {
  readonly engine: SandboxEngine;
  readonly model: Model;
  readonly artifacts: ArtifactClient;
  readonly bundles: Bundles;
  /** What agents may install; undefined for nothing. */
  readonly packages: PackageOffer | undefined;
  /** Who is asked for a score of a submission during the work; the brief says how many a run offers, which may be none. */
  readonly scores: Scores;
  readonly prompts: Prompts;
  readonly clock: Clock;
  /** Where attempts keep what they produced until it is stored. */
  readonly stagingDirectory: string;
  /** Extra environment of everything in a sandbox. */
  readonly environment: Readonly<Record<string, string>>;
  /** Aborts when the daemon stops. */
  readonly stopping: AbortSignal;
}

/** Performers over real sandboxes, the gateway and the artifact store. */
export function openPerformers(ports: OutsidePorts): OpenPerformer {
  return (options) => {
    const { order, device } = options;
    const { engine, clock } = ports;
    const room = new AttemptRoom({ order, ...ports, ...(device === undefined ? {} : { device }) });
    const work = { ...ports, ...options, room };
    return {
      perform: (command, signal) => performTraced(command, work, () => perform(command, work, signal)),
      recovers: (error, signal) => engineRecovers(error, { engine, clock, signal }),
      adopt: (containerId) => room.adopt(containerId),
      removeSandboxes: () => room.removeSandboxes(),
      removeStaging: () => room.removeStaging(),
    };
  };
}
