// What the commands of one attempt are carried out with.

import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/log.ts';
import type { ArtifactClient } from './artifacts/artifact-client.ts';
import type { Bundles } from './artifacts/bundles.ts';
import type { AttemptOrder } from './attempt-order.ts';
import type { AttemptRoom } from './attempt-room.ts';
import type { SlotLock } from './core/slot-lock.ts';
import type { Remaining } from './core/trajectory.ts';
import type { Model } from './model/model.ts';
import type { PackageOffer } from './packages/package-offer.ts';
import type { Prompts } from './prompts/prompts.ts';
import type { SandboxEngine } from './sandbox/sandbox.ts';
import type { Scores } from './scores/scores.ts';

/** Above any submission of a tabular task; the evaluator has its own bound. */
export const maxSubmissionBytes = 256 * 2 ** 20;

/** The clock of one trajectory: its own seconds, without waiting for the slot. */
export interface TrajectoryClock {
  elapsedSeconds(): number;
  /** Takes time out that was spent waiting. */
  exclude(seconds: number): void;
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

/** All of it. */
export interface Work extends PerformerOptions, OutsidePorts {
  readonly room: AttemptRoom;
}
