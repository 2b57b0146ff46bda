// A task and the limits of an attempt, as the search knows them. Nothing here depends on a hidden label.

import type { Digest } from '../../shared/core/ids.ts';

/** The public description of a task, as the evaluator gave it when the run was created. */
export interface Task {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly idColumn: string;
  readonly predictionColumns: readonly string[];
  /** The first of several. */
  readonly targetColumn: string;
  // Absent in the journals of versions that did not have them.
  readonly targetColumns?: readonly string[];
  readonly predictionKind?: string;
  /** The sandbox image of its attempts by digest; empty for the host's own. */
  readonly sandboxImage?: string;
  readonly bundleDigest: Digest;
  readonly bundleBytes: number;
  readonly description: string;
  readonly source: string;
  readonly licence: string;
  readonly trainRows: number;
  readonly testRows: number;
  readonly refit: boolean;
  readonly splitStrategy: string;
}

/** Names the task in the version that the run began with, so that a later import does not change its splits half-way. */
export function pinnedName(task: Task): string {
  return `${task.name}@${task.version}`;
}

/** What one attempt may use. */
export interface Limits {
  readonly executionSeconds: number;
  readonly toolSeconds: number;
  readonly trajectorySeconds: number;
  readonly turns: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly pids: number;
  /** Output tokens of the model; 0 means no limit. */
  readonly tokens: number;
}

/** Null where there is none: a correlation of a constant, the interval of a task's own grader. The journal has no other word for it. */
type Figure = number | null;

/** One finalist with its revealed scores. */
interface Finalist {
  readonly candidateId: string;
  readonly searchScore: number;
  readonly validationScore: Figure;
  readonly validationStandardError: number;
  readonly probabilityBest: number;
  readonly testScore?: number | undefined;
}

/** Finalists put together; where it was selected, its predictions are the final submission. */
interface Ensemble {
  readonly members: readonly { readonly candidateId: string; readonly weight: number }[];
  readonly rule: string;
  readonly searchScore: number;
  readonly validationScore: number;
  readonly validationStandardError: number;
  readonly probabilityBetter: number;
  readonly selected: boolean;
  readonly testScore?: number | undefined;
}

/** The evaluator's outcome of a run; exists only once the run is sealed. */
export interface Verdict {
  readonly runId: string;
  readonly winnerId: string;
  readonly finalists: readonly Finalist[];
  readonly intervalLow: Figure;
  readonly intervalHigh: Figure;
  readonly baselineValidationScore: Figure;
  readonly baselineSearchScore: Figure;
  readonly baselineName: string;
  readonly ledgerHead: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly validationRows: number;
  readonly hasFinalSubmission: boolean;
  // Absent in the journals of versions that did not have them.
  readonly finalScore?: number | undefined;
  readonly ensemble?: Ensemble | null | undefined;
  readonly searchWinnerId?: string;
  readonly searchWinnerValidationScore?: number;
  readonly notes?: readonly string[];
}
