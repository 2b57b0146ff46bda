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
import type { Scores } from './scores/scores.ts';

/** Above any submission of a tabular task; the evaluator has its own bound. */
export const maxSubmissionBytes = 256 * 2 ** 20;

/** The clock of one trajectory: its own seconds, without waiting for the slot. */
export interface TrajectoryClock {
  elapsedSeconds(): number;
  /** Takes time out that was spent waiting. */
  exclude(seconds: number): void;
}

export interface Work {
  readonly order: AttemptOrder;
  readonly room: AttemptRoom;
  readonly model: Model;
  readonly artifacts: ArtifactClient;
  readonly bundles: Bundles;
  readonly packages: PackageOffer | undefined;
  readonly scores: Scores;
  readonly prompts: Prompts;
  readonly slot: SlotLock;
  readonly deviceName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly time: TrajectoryClock;
  /** Lines of the transcript so far. */
  transcript(): Uint8Array;
  /** What is left at this moment. */
  remaining(): Remaining;
}
