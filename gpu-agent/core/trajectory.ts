// The state of a trajectory. react.ts changes it; command.ts says what it asks for.

import { noUsage, type Usage } from '../../shared/core/vocabulary.ts';
import { type Compaction, type Exchange, type Message, noCompaction, type ToolCall } from './conversation.ts';
import type { Ranking } from './ranking.ts';
import type { ToolRequest } from './tool-catalogue.ts';
import type { Concluded, Executed, Failure, Planned, StoredArtifacts, TrajectoryLimits } from './trajectory-event.ts';

/** What is to be done with the next call of the model. */
export type Verdict =
  | { readonly kind: 'run'; readonly request: ToolRequest }
  | { readonly kind: 'refuse'; readonly observation: string };

export type Phase =
  | { readonly kind: 'new' }
  | { readonly kind: 'preparing' }
  | { readonly kind: 'thinking' }
  | { readonly kind: 'nudging' }
  | { readonly kind: 'acting'; readonly calls: readonly [ToolCall, ...ToolCall[]]; readonly verdict: Verdict }
  | { readonly kind: 'taking'; readonly call: ToolCall }
  | { readonly kind: 'executing' }
  | { readonly kind: 'concluding'; readonly failure: Failure | null }
  | { readonly kind: 'storing' }
  | { readonly kind: 'reporting' }
  | { readonly kind: 'ended' };

export interface Trajectory {
  readonly phase: Phase;
  readonly planned: Planned | null;
  readonly head: readonly Message[];
  readonly exchanges: readonly Exchange[];
  readonly compaction: Compaction;
  /** Overflows in a row. */
  readonly overflows: number;
  /** Characters that fit the model, as overflows have shown; null while the configured limit holds. */
  readonly contextCharacters: number | null;
  readonly silentAnswers: number;
  readonly repeat: { readonly signature: string; readonly count: number };
  /** True where the daemon was restarted while the current call ran: it is run again. */
  readonly rerun: boolean;
  /** While ideas are sketched and judged; null before and afterwards. */
  readonly ranking: Ranking | null;
  /** What is said to the answer just given; null where it called no tool though it should have. */
  readonly reply: { readonly text: string; readonly isPlan: boolean } | null;
  /** Number of the newest guidance that was added to the run and recorded here. */
  readonly guided: number;
  /** Guidance that the model has not been told yet, oldest first. */
  readonly untold: readonly string[];
  readonly elapsedSeconds: number;
  readonly waitedSeconds: number;
  readonly usage: Usage;
  readonly note: string;
  readonly solutionDigest: string | null;
  /** Of the normalised program. */
  readonly codeDigest: string | null;
  readonly executed: Executed | null;
  readonly concluded: Concluded | null;
  readonly artifacts: StoredArtifacts | null;
}

/** What the model may still use; every observation tells it. */
export interface Remaining {
  readonly turns: number;
  readonly seconds: number;
}

export const newTrajectory: Trajectory = {
  phase: { kind: 'new' },
  planned: null,
  head: [],
  exchanges: [],
  compaction: noCompaction,
  overflows: 0,
  contextCharacters: null,
  silentAnswers: 0,
  repeat: { signature: '', count: 0 },
  rerun: false,
  ranking: null,
  reply: null,
  guided: 0,
  untold: [],
  elapsedSeconds: 0,
  waitedSeconds: 0,
  usage: noUsage,
  note: '',
  solutionDigest: null,
  codeDigest: null,
  executed: null,
  concluded: null,
  artifacts: null,
};

/** What the model may still use after so many seconds of the trajectory. */
export function remaining(state: Trajectory, elapsedSeconds: number): Remaining {
  const limits = limitsOf(state);
  return {
    turns: Math.max(0, limits.turns - state.usage.turns),
    seconds: Math.max(0, Math.floor(limits.trajectorySeconds - elapsedSeconds)),
  };
}

/** The limits; a bug where the first entry is missing. */
export function limitsOf(state: Trajectory): TrajectoryLimits {
  if (state.planned === null) throw new Error('invariant broken: a trajectory without its first entry has no limits');
  return state.planned.limits;
}

/** Whether the attempt can still be stopped: its outcome is not decided yet. */
export function undecided(state: Trajectory): boolean {
  switch (state.phase.kind) {
    case 'new':
    case 'concluding':
    case 'storing':
    case 'reporting':
    case 'ended':
      return false;
    case 'preparing':
    case 'thinking':
    case 'nudging':
    case 'acting':
    case 'taking':
    case 'executing':
      return true;
  }
}

/** From the first message until the solution is on the host's disk, the sandbox holds what exists nowhere else. */
export function needsSandbox(state: Trajectory): boolean {
  const { kind } = state.phase;
  return kind === 'thinking' || kind === 'nudging' || kind === 'acting' || kind === 'taking';
}
