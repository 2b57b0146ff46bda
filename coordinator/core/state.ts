// The state of the search over all runs and hosts.
//
// Owns: the shape of everything that the coordinator knows and must not forget. Leaves to step.ts every change, to
// journal/ that it survives. It is changed in place (docs/decisions/0001-in-place-core-state.md) and only by `step`.
//
// An attempt (and so the candidate of the same id):
//
//   planned ──attemptLeased──▶ leased ──attemptStarted──▶ running ──attemptEnded──▶ evaluating ─┬─▶ scored
//      ▲                          │                          │                        │         └─▶ quarantined
//      └────── attemptLost, or attemptEnded by infrastructure (while tries are left) ─┘         │
//                                 └──────────────────────────┴──────── attemptEnded, candidateRefused ──▶ failed
//
// A run: running ⇄ paused; both ──runSealing──▶ sealing ──runSealed──▶ sealed; or any but sealed ──runKilled──▶ killed;
// or sealing ──runJudged──▶ refitting ──runSealed──▶ sealed (refit.ts). After runBudgetSpent it plans nothing more
// and is sealed when its last attempt has ended.

import type { AttemptId, Digest, HostName, RunId, SlotId } from '../../shared/core/ids.ts';
import type { Rng } from '../../shared/core/rng.ts';
import type { FailureReason, Operator, Usage } from '../../shared/core/vocabulary.ts';
import type { RunOptions } from './options.ts';
import type { Population } from './population.ts';
import type { Task, Verdict } from './task.ts';

type RunPhase = 'running' | 'paused' | 'sealing' | 'refitting' | 'sealed' | 'killed';

/** Why a run ends; the words of the protocol. */
export type EndReason =
  | 'candidates'
  | 'wall-clock'
  | 'dollars'
  | 'tokens'
  | 'slot-hours'
  | 'score-queries'
  | 'cancelled'
  | 'killed';

/** Budgets that the llm-gateway guards. */
export type ModelBudget = 'dollars' | 'tokens';

/** Budgets whose end stops new attempts and leaves those under way: the model's, and the evaluator's of scores. */
export type SpentBudget = ModelBudget | 'score-queries';

/** One search on one task. */
export interface Run {
  readonly id: RunId;
  readonly requestId: string;
  readonly task: Task;
  /** Who created it; absent in runs of versions that did not tell. */
  readonly owner?: string;
  /** Where it goes on from another run: which, and with how many candidates. */
  readonly forked: { readonly from: RunId; readonly candidates: number } | undefined;
  /** As created, with the budgets as they were extended. */
  options: RunOptions;
  /** Milliseconds since 1970, for people. */
  readonly createdAt: number;
  rng: Rng;
  phase: RunPhase;
  endReason: EndReason | undefined;
  /** Guidance that was added to that of the options, oldest first. */
  readonly steering: string[];
  /** Set once no new attempts are planned because of it. */
  spentBudget: SpentBudget | undefined;
  sealedAt: number | undefined;
  killedAt: number | undefined;
  verdict: Verdict | undefined;
  /** While the winner is refitted, and afterwards: what the run will be sealed with. */
  refit: Refit | undefined;
  finalSubmissionDigest: Digest | undefined;
  /** Active time up to `runningSinceMs`; pauses and the coordinator's own absence do not count. */
  elapsedMs: number;
  runningSinceMs: number | undefined;
  /** All attempts in order of planning. */
  readonly attempts: AttemptId[];
  /** Planned attempts without a lease, oldest first. */
  readonly waiting: AttemptId[];
  /** Attempts under a lease. */
  readonly inFlight: Set<AttemptId>;
  readonly evaluating: Set<AttemptId>;
  /** Failed candidates that no repair was planned for yet, oldest first. */
  readonly repairable: AttemptId[];
  /** Scored candidates by rank. */
  readonly population: Population;
  /** Parent pairs of crossovers that have not ended, so that no two work on the same pair. */
  readonly openPairs: Set<string>;
  draftsPlanned: number;
  /** The first scored candidate with each program and each submission (duplicates.ts). A cache; not part of the hash. */
  readonly firstOf: Map<string, AttemptId>;
  /** Candidates that repeat another one, for which that was not decided yet. */
  readonly repeats: AttemptId[];
  /** Scored candidates that repeat another one; they are not in the population. */
  duplicates: number;
  quarantined: number;
  failed: number;
  usage: Usage;
  /** Failures in a row that were no fault of a solution; they slow planning down. */
  setbacks: number;
  notBeforeMs: number;
  lastSequence: number;
}

/** What a run that refits its winner waits with. */
interface Refit {
  readonly verdict: Verdict;
  /** The bundle with all labelled rows. */
  readonly bundleDigest: Digest;
  readonly finalSubmissionDigest: Digest | undefined;
  readonly cancelled: boolean;
}

type AttemptPhase = 'planned' | 'leased' | 'running' | 'evaluating' | 'scored' | 'quarantined' | 'failed' | 'refitted';

/** The search score. Ranking uses `value`; agents only ever see `feedback`. */
export interface Score {
  readonly value: number;
  readonly standardError: number;
  readonly feedback: string;
  readonly quarantined: boolean;
  readonly quarantineReason: string;
}

/** What an attempt was told of a score that it asked for: the evaluator's feedback text, or why there is none. */
export type ScoreAnswer = { readonly feedback: string } | { readonly refusal: string };

/** A score that an attempt asked for during its work. */
export interface ScoreQuery {
  readonly submission: Digest;
  /** Absent until the evaluator has answered. */
  readonly answer?: ScoreAnswer;
}

/** What an attempt left in the artifact store. */
export interface AttemptArtifacts {
  readonly solution?: Digest | undefined;
  readonly submission?: Digest | undefined;
  readonly log?: Digest | undefined;
  readonly transcript?: Digest | undefined;
}

/** That a candidate repeats an earlier one, and in what. */
export interface Duplicate {
  readonly of: AttemptId;
  readonly by: 'code' | 'predictions';
}

/** One worker's try at producing a candidate, and that candidate. */
export interface Attempt {
  readonly id: AttemptId;
  readonly runId: RunId;
  /** From 1, within the run. */
  readonly number: number;
  readonly operator: Operator;
  readonly parents: readonly AttemptId[];
  readonly seed: number;
  readonly plannedAt: number;
  /** Position among the drafts of the run, from 1; 0 for other operators. */
  readonly draftNumber: number;
  /** Position among the mutations of its parent, from 1; absent for other operators. */
  readonly siblingNumber?: number;
  phase: AttemptPhase;
  /** The newest lease's; 0 before the first. */
  epoch: number;
  /** Host and slot of the newest lease, also after it ended. */
  host: HostName | undefined;
  slotId: SlotId | undefined;
  /** Leases so far. */
  tries: number;
  /** A requeued attempt waits until then. */
  notBeforeMs: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  artifacts: AttemptArtifacts;
  /** Equal for programs that differ in layout, comments and names alone; unknown of hosts of earlier versions. */
  codeDigest: Digest | undefined;
  duplicate: Duplicate | undefined;
  usage: Usage;
  runSeconds: number;
  note: string;
  score: Score | undefined;
  failureReason: FailureReason | undefined;
  failureMessage: string;
  wasBest: boolean;
  /** Scores asked for during its work, over all of its leases; absent where it asked for none. */
  queries?: readonly ScoreQuery[];
  /** In the run that was forked. */
  readonly inheritedFrom?: AttemptId | undefined;
  repairPlanned: boolean;
  /** Mutations of it that were planned; absent where there are none. */
  mutations?: number;
}

/** A slot as its host describes it. */
export interface SlotDescription {
  readonly slotId: SlotId;
  readonly kind: 'cpu' | 'gpu';
  readonly deviceName: string;
  readonly deviceMemoryBytes: number;
  readonly capacity: number;
  readonly health: string;
  readonly healthReason: string;
}

/** A host as it describes itself. */
export interface HostDescription {
  readonly address: string;
  readonly bootId: string;
  readonly version: string;
  readonly draining: boolean;
  /** The most that one sandbox there may have; absent where the host does not tell, as in journals of earlier versions. */
  readonly largestSandbox?: SandboxBounds;
  readonly slots: readonly SlotDescription[];
}

/** Processors and bytes of memory. */
export interface SandboxBounds {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** A place where attempts run. */
export interface Slot {
  readonly host: HostName;
  readonly description: SlotDescription;
  /** Attempts under a lease here. */
  load: number;
  /** Cache of schedule.ts: the bucket that the slot lies in, or -1. Not part of the state's hash. */
  bucket: number;
}

/** Slots with a free lane; kept by schedule.ts. */
export interface FreeSlots {
  /** Position = load of the slots in it. */
  readonly buckets: Set<Slot>[];
  /** Slots of hosts that take work, whether free or not. */
  readonly schedulable: Set<Slot>;
}

/** An operator's wish that a host ends its work. */
export interface Drain {
  /** Working time at which what still runs is stopped. */
  readonly dueMs: number;
  /** True once that time has come. */
  readonly due: boolean;
}

/** One machine with a gpu-agent. */
export interface Host {
  readonly name: HostName;
  description: HostDescription;
  slots: Map<SlotId, Slot>;
  readonly attempts: Set<AttemptId>;
  /** Neither heartbeats nor gRPC answer, but the leases have not ended yet. */
  suspected: boolean;
  lost: boolean;
  cordoned: boolean;
  /** Set by an operator's drain until the host is uncordoned. */
  drain: Drain | undefined;
  reason: string;
  /** Who took it out of planning; empty where nobody did. */
  by: string;
  since: number;
}

/** How many attempts owners' runs may have at once; 0 means no limit. */
export interface Quotas {
  /** Of each owner who is not named. */
  readonly parallelAttempts: number;
  readonly owners: Readonly<Record<string, number>>;
}

/** Everything. */
export interface State {
  /** The newest event's place in the journal. */
  sequence: number;
  /** Milliseconds that a coordinator has been at work on this journal; monotonic, never a wall clock. */
  clockMs: number;
  /** The newest epoch given out; grows over all runs and hosts. */
  epoch: number;
  /** Absent until they were set. */
  quotas?: Quotas;
  readonly runs: Map<RunId, Run>;
  /** Runs that are not sealed, so that old runs cost nothing. */
  readonly activeRuns: Set<RunId>;
  readonly requests: Map<string, RunId>;
  readonly attempts: Map<AttemptId, Attempt>;
  readonly hosts: Map<HostName, Host>;
  /** Lost hosts with attempts that were not requeued yet. */
  readonly lostHosts: Set<HostName>;
  /** Lost hosts that no operator holds back, with the working time at which they became so, oldest first. */
  readonly away: Map<HostName, number>;
  /** Hosts with a drain that is not due yet. */
  readonly draining: Set<HostName>;
  /** Cache of schedule.ts; not part of the state's hash. */
  readonly freeSlots: FreeSlots;
}

/** The state before the first event. */
export function newState(): State {
  return {
    sequence: 0,
    clockMs: 0,
    epoch: 0,
    runs: new Map(),
    activeRuns: new Set(),
    requests: new Map(),
    attempts: new Map(),
    hosts: new Map(),
    lostHosts: new Set(),
    away: new Map(),
    draining: new Set(),
    freeSlots: { buckets: [], schedulable: new Set() },
  };
}

/** Attempts of the run that have not come to an end. */
export function openAttempts(run: Run): number {
  return run.waiting.length + run.inFlight.size + run.evaluating.size;
}

/** True while the attempt holds a place on a host. */
export function isLeased(attempt: Attempt): boolean {
  return attempt.phase === 'leased' || attempt.phase === 'running';
}
