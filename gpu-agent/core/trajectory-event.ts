// What happens in a trajectory. Each event is one entry of the transcript, so the transcript is the trajectory:
// folding it gives the state, on this daemon or after a restart.
//
// `elapsedSeconds` is the trajectory's own clock: time since its start, without waiting for the slot's lock and without
// time during which the daemon did not run.

import type { FailureReason, Operator, Usage } from '../../shared/core/vocabulary.ts';
import type { Message, ToolCall } from './conversation.ts';
import type { RankingPrompts } from './ranking.ts';

/** What a trajectory may use. */
export interface TrajectoryLimits {
  readonly executionSeconds: number;
  readonly toolSeconds: number;
  readonly trajectorySeconds: number;
  readonly turns: number;
  /** Output tokens of the model; 0 for no limit. */
  readonly tokens: number;
  /** Characters of a conversation that is sent to the model. */
  readonly contextCharacters: number;
  /** Scores that may be asked for during the work; absent in transcripts of versions that did not have it. */
  readonly scoreQueries?: number;
}

/** Digests of what an attempt left in the artifact store. */
export interface StoredArtifacts {
  readonly solution?: string;
  readonly submission?: string;
  readonly log?: string;
  readonly transcript?: string;
}

/** Why and how an attempt failed; absent members mean that it did not. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
}

interface Timed {
  readonly elapsedSeconds: number;
}

/** The attempt was accepted and is durable. First entry of every transcript. */
export interface Planned extends Timed {
  readonly kind: 'planned';
  readonly runId: string;
  readonly attemptId: string;
  readonly epoch: number;
  readonly slotId: string;
  readonly operator: Operator;
  readonly seed: number;
  readonly task: string;
  readonly model: string;
  readonly limits: TrajectoryLimits;
}

/** Bundle, parents and sandbox are there; these are the first two messages. */
interface Begun extends Timed {
  readonly kind: 'begun';
  readonly messages: readonly Message[];
  /** Where ideas are sketched and judged before one is worked on. */
  readonly ranking?: RankingPrompts;
}

/** One answer of the model. */
export interface ModelAnswered extends Timed {
  readonly kind: 'modelAnswered';
  readonly turn: number;
  readonly content: string;
  readonly toolCalls: readonly ToolCall[];
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
  readonly upstream: string;
  readonly model: string;
  readonly finishReason: string;
  readonly seconds: number;
}

/** No model answered, or the gateway will not let this attempt ask again. */
interface ModelFailed extends Timed {
  readonly kind: 'modelFailed';
  readonly turn: number;
  readonly reason: 'modelUnavailable' | 'gaveUp';
  readonly message: string;
}

/** The model's window is smaller than the conversation; it is to be shortened, and the turn asked for again. */
interface ContextOverflowed extends Timed {
  readonly kind: 'contextOverflowed';
  readonly turn: number;
  readonly message: string;
}

/** A tool ran; `observation` is the text that the model reads. */
export interface ToolEnded extends Timed {
  readonly kind: 'toolEnded';
  readonly callId: string;
  readonly tool: string;
  readonly exitStatus: number | null;
  readonly observation: string;
  readonly wallSeconds: number;
  readonly waitedSeconds: number;
  readonly slotSeconds: number;
  readonly peakMemoryBytes: number;
  readonly timedOut: boolean;
  readonly outOfMemory: boolean;
}

/** A call was answered without running anything. */
interface ToolRefused extends Timed {
  readonly kind: 'toolRefused';
  readonly callId: string;
  readonly tool: string;
  readonly observation: string;
}

/** The model said something and called no tool; this is what it was told. */
interface Nudged extends Timed {
  readonly kind: 'nudged';
  readonly observation: string;
}

/** The researcher added guidance to the run; the model reads it before its next turn. */
interface Guided extends Timed {
  readonly kind: 'guided';
  /** Position among all that was added to the run, from 1. */
  readonly number: number;
  readonly guidance: string;
}

/** /work/solution is out of the sandbox and on the host's disk. */
interface SolutionTaken extends Timed {
  readonly kind: 'solutionTaken';
  readonly digest: string;
  readonly bytes: number;
  /** Of the normalised program; absent in transcripts of versions that did not have it. */
  readonly codeDigest?: string;
}

/** There was no usable /work/solution; the model may mend that and submit again. */
interface SolutionRefused extends Timed {
  readonly kind: 'solutionRefused';
  readonly observation: string;
}

/** How the clean-slate run ended. */
export interface Executed extends Timed {
  readonly kind: 'executed';
  readonly end: 'completed' | 'crash' | 'timeout' | 'outOfMemory' | 'diskFull';
  readonly exitStatus: number | null;
  readonly logDigest: string;
  readonly logTail: string;
  /** Absent where there is no submission to be had; then `submissionProblem` says why. */
  readonly submissionDigest?: string;
  readonly submissionProblem?: string;
  readonly wallSeconds: number;
  readonly waitedSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
}

/** The outcome is decided. Last entry of the transcript as it is stored. */
export interface Concluded extends Timed {
  readonly kind: 'concluded';
  readonly failureReason?: FailureReason;
  readonly failureMessage?: string;
  readonly note: string;
  readonly codeDigest?: string;
  readonly runSeconds: number;
  readonly usage: Usage;
}

/** The artifacts are with the coordinator, as far as there are any. */
interface ArtifactsStored extends Timed {
  readonly kind: 'artifactsStored';
  readonly artifacts: StoredArtifacts;
}

/** The end is in the outbox. */
interface Reported extends Timed {
  readonly kind: 'reported';
}

/** The daemon, or the engine of its sandboxes, was started again: the trajectory is taken up where it stood. */
interface Resumed extends Timed {
  readonly kind: 'resumed';
}

/** The host, its engine or its network failed; no fault of the model or its code. */
interface InfrastructureFailed extends Timed {
  readonly kind: 'infrastructureFailed';
  readonly message: string;
}

/** Someone or something asks the attempt to stop. */
export interface StopRequested extends Timed {
  readonly kind: 'stopRequested';
  readonly reason: 'cancelled' | 'leaseLost' | 'infrastructure';
  readonly message: string;
}

export type TrajectoryEvent =
  | Planned
  | Begun
  | ModelAnswered
  | ModelFailed
  | ContextOverflowed
  | ToolEnded
  | ToolRefused
  | Nudged
  | Guided
  | SolutionTaken
  | SolutionRefused
  | Executed
  | Concluded
  | ArtifactsStored
  | Reported
  | Resumed
  | InfrastructureFailed
  | StopRequested;
