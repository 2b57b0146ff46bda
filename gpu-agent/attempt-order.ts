// What the coordinator orders: one attempt, with all that it needs.

import type { AttemptId, Digest, RunId, SlotId } from '../shared/core/ids.ts';
import type { FailureReason, Operator } from '../shared/core/vocabulary.ts';
import type { BriefNote, BriefTask } from './core/brief.ts';
import type { Planned, TrajectoryLimits } from './core/trajectory-event.ts';

interface OrderedTask extends BriefTask {
  readonly version: string;
  readonly bundleDigest: Digest;
  /** Image of its sandboxes by digest; empty for the host's own. Absent in orders of versions that did not have it. */
  readonly sandboxImage?: string;
}

export interface OrderedParent {
  readonly candidateId: string;
  readonly solutionDigest: Digest;
  readonly logDigest?: Digest;
  readonly score: string;
  readonly runSeconds: number;
  readonly note: string;
  readonly operator: Operator;
  readonly failureReason?: FailureReason;
  readonly failureMessage?: string;
}

interface OrderedLimits {
  readonly executionSeconds: number;
  readonly toolSeconds: number;
  readonly trajectorySeconds: number;
  readonly turns: number;
  readonly tokens: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly pids: number;
}

/** An attempt as ordered. Holds the gateway token: never logged, never part of a transcript. */
export interface AttemptOrder {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly slotId: SlotId;
  readonly leaseTtlMs: number;
  readonly operator: Operator;
  readonly task: OrderedTask;
  readonly parents: readonly OrderedParent[];
  readonly notes: readonly BriefNote[];
  readonly limits: OrderedLimits;
  readonly seed: number;
  readonly gatewayToken: string;
  readonly model: string;
  readonly guidance: string;
  /** Pieces added to the run since its creation that the guidance holds; absent in orders of versions that did not have it. */
  readonly guidanceAdded?: number;
  // Absent in orders of versions that did not have them.
  readonly draftNumber?: number;
  readonly siblingNumber?: number;
  /** True where the coordinator takes the answer to the order for the start of the attempt. */
  readonly answerIsStart?: boolean;
  readonly runSeed?: number;
  /** Ideas to sketch before one is worked on; 0 and 1 mean none. */
  readonly rankBeforeRun?: number;
  /** Scores that may be asked for during the work. */
  readonly scoreQueries?: number;
}

/** What was added to a run's guidance since its creation, oldest first. */
export interface AddedGuidance {
  readonly runId: string;
  readonly added: readonly string[];
}

/** The first entry of the attempt's transcript: everything but the secret. */
export function plannedEntry(order: AttemptOrder, contextCharacters: number): Planned {
  const { executionSeconds, toolSeconds, trajectorySeconds, turns, tokens } = order.limits;
  const limits: TrajectoryLimits = {
    executionSeconds,
    toolSeconds,
    trajectorySeconds,
    turns,
    tokens,
    contextCharacters,
    ...(order.scoreQueries ? { scoreQueries: order.scoreQueries } : {}),
  };
  return {
    kind: 'planned',
    runId: order.runId,
    attemptId: order.attemptId,
    epoch: order.epoch,
    slotId: order.slotId,
    operator: order.operator,
    seed: order.seed,
    task: order.task.name,
    model: order.model,
    limits,
    elapsedSeconds: 0,
  };
}
