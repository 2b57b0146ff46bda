// What the command line knows of runs, candidates and hosts: the protocol's messages with words instead of enum names,
// null where nothing is set, and times as ISO 8601. These shapes are also the JSON that `-o json` prints, so a field that
// is renamed here breaks people's scripts.

import type { FailureReason, Operator, Usage } from '../../shared/core/vocabulary.ts';

export type RunState = 'running' | 'paused' | 'sealing' | 'sealed' | 'killed' | 'unknown';
export type CandidateState =
  | 'planned'
  | 'running'
  | 'evaluating'
  | 'scored'
  | 'failed'
  | 'quarantined'
  | 'refitted'
  | 'unknown';
export type HostState = 'ready' | 'cordoned' | 'draining' | 'drained' | 'lost' | 'quarantined' | 'unknown';

export interface Limits {
  readonly executionSeconds: number;
  readonly toolSeconds: number;
  readonly trajectorySeconds: number;
  readonly turns: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly pids: number;
  readonly tokens: number;
}

export interface RunOptions {
  readonly candidates: number;
  readonly wallSeconds: number;
  readonly dollars: number;
  readonly tokens: number;
  readonly slotHours: number;
  readonly parallelAttempts: number;
  readonly seed: number;
  readonly model: string;
  readonly temperature: number;
  readonly crossoverProbability: number | null;
  readonly draftProbability: number | null;
  readonly limits: Limits | null;
  readonly guidance: string;
  readonly finalists: number;
  readonly operators: readonly Operator[];
  readonly repair: boolean | null;
}

export interface Task {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly idColumn: string;
  readonly predictionColumns: readonly string[];
  readonly targetColumn: string;
  readonly bundleDigest: string;
  readonly bundleBytes: number;
  readonly description: string;
  readonly source: string;
  readonly licence: string;
  readonly trainRows: number;
  readonly testRows: number;
  readonly refit: boolean;
  readonly splitStrategy: string;
}

export interface Finalist {
  readonly candidateId: string;
  readonly searchScore: number;
  readonly validationScore: number;
  readonly validationStandardError: number;
  readonly probabilityBest: number;
  readonly testScore: number | null;
}

/** Finalists put together; where it was selected, its predictions are the final submission. */
export interface Ensemble {
  /** The largest share first. */
  readonly members: readonly { readonly candidateId: string; readonly weight: number }[];
  readonly rule: string;
  readonly searchScore: number;
  readonly validationScore: number;
  readonly validationStandardError: number;
  /** That it is better than the winner. */
  readonly probabilityBetter: number;
  readonly selected: boolean;
  readonly testScore: number | null;
}

export interface Verdict {
  readonly runId: string;
  /** The best single finalist; empty where no candidate was valid. */
  readonly winnerId: string;
  /** Best validation score first. */
  readonly finalists: readonly Finalist[];
  /** What is handed in is worth this; null in verdicts of older versions. */
  readonly finalScore: number | null;
  readonly ensemble: Ensemble | null;
  /** Who would have won by search score alone; empty where that is not known. */
  readonly searchWinnerId: string;
  readonly searchWinnerValidationScore: number | null;
  readonly intervalLow: number;
  readonly intervalHigh: number;
  readonly baselineValidationScore: number;
  readonly baselineSearchScore: number;
  readonly baselineName: string;
  readonly ledgerHead: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly validationRows: number;
  readonly hasFinalSubmission: boolean;
  /** What a reader must know beside the numbers, each a sentence without a full stop. */
  readonly notes: readonly string[];
}

export interface Run {
  readonly runId: string;
  readonly task: string;
  readonly state: RunState;
  readonly endReason: string;
  readonly options: RunOptions | null;
  readonly createdAt: string | null;
  readonly sealedAt: string | null;
  /** When it was sealed, or killed before. */
  readonly endedAt: string | null;
  readonly attemptsPlanned: number;
  readonly attemptsRunning: number;
  readonly candidatesScored: number;
  readonly attemptsFailed: number;
  readonly bestCandidateId: string;
  readonly bestSearchScore: number;
  readonly usage: Usage;
  readonly verdict: Verdict | null;
  readonly taskInfo: Task | null;
  readonly lastSequence: number;
  readonly elapsedSeconds: number;
  /** Empty where it is no fork. */
  readonly forkedFrom: string;
  /** Counted in `candidatesScored`, and not in the budget of candidates. */
  readonly inheritedCandidates: number;
  /** Who created it; empty for runs of earlier versions. */
  readonly owner: string;
  /** Attempts that the owner's runs may have at once; 0 for no limit. */
  readonly ownerQuota: number;
  readonly ownerAttemptsRunning: number;
}

export interface Artifacts {
  readonly solutionDigest: string;
  readonly submissionDigest: string;
  readonly logDigest: string;
  readonly transcriptDigest: string;
}

export interface Candidate {
  readonly candidateId: string;
  readonly runId: string;
  readonly number: number;
  readonly operator: Operator | null;
  readonly parentIds: readonly string[];
  readonly state: CandidateState;
  readonly searchScore: number | null;
  readonly standardError: number;
  readonly failureReason: FailureReason | null;
  readonly failureMessage: string;
  readonly host: string;
  readonly slotId: string;
  readonly epoch: number;
  readonly artifacts: Artifacts;
  readonly usage: Usage;
  readonly runSeconds: number;
  readonly note: string;
  readonly plannedAt: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly wasBest: boolean;
  /** The earlier candidate that it repeats, and in what (code or predictions); empty where it is new. */
  readonly duplicateOf: string;
  readonly duplicateBy: string;
  /** The candidate that it was in the run that was forked; empty otherwise. */
  readonly inheritedFrom: string;
}

/** What changed in a run: the candidate and the run as they are afterwards. */
export interface RunEvent {
  readonly sequence: number;
  readonly at: string | null;
  readonly kind: string;
  readonly candidate: Candidate | null;
  readonly run: Run | null;
}

export interface TranscriptEntry {
  readonly entry: number;
  readonly json: string;
}

interface AttemptRef {
  readonly runId: string;
  readonly attemptId: string;
  readonly epoch: number;
}

export interface Slot {
  readonly slotId: string;
  readonly kind: 'cpu' | 'gpu' | 'unknown';
  readonly deviceName: string;
  readonly deviceMemoryBytes: number;
  readonly capacity: number;
  readonly health: string;
  readonly healthReason: string;
  readonly attempts: readonly AttemptRef[];
}

export interface Host {
  readonly host: string;
  readonly address: string;
  readonly state: HostState;
  readonly reason: string;
  readonly since: string | null;
  readonly slots: readonly Slot[];
  readonly version: string;
  readonly heartbeatAgeSeconds: number;
  /** Who took it out of planning; empty where nobody did. */
  readonly by: string;
  /** Until a drain stops what still runs; 0 where none is under way. */
  readonly drainSecondsLeft: number;
  /** Of the largest sandbox that it allows; 0 where it does not tell. */
  readonly largestSandboxCpus: number;
  readonly largestSandboxMemoryBytes: number;
}
