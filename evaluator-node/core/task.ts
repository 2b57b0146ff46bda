// What the evaluator knows of a task besides its rows. Public, all of it; labels are elsewhere.

import type { FeedbackMode } from './feedback.ts';
import type { GraderSettings } from './grader-metric.ts';
import type { PredictionKind } from './metrics/metric.ts';
import type { QueryBudget } from './queries.ts';
import type { SplitStrategy } from './splits.ts';

/** The text of task.yaml, checked. */
export interface TaskSettings {
  /** In kebab case, as on the command line. */
  readonly name: string;
  readonly title: string;
  /** A metric's name; `grader` where the task has its own. */
  readonly metric: string;
  readonly grader?: GraderSettings;
  /** Columns of the training table to predict. */
  readonly targets: readonly string[];
  /** How much each of several columns counts, by its name; 1 where it is not named. */
  readonly columnWeights?: Readonly<Record<string, number>>;
  /** The id column; found from sample_submission.csv where absent. */
  readonly id?: string;
  /** The label that counts as 1, for a binary metric whose labels do not say. */
  readonly positive?: string;
  /** Other public files to copy, relative to the folder. */
  readonly files: readonly string[];
  /** Names of the tables in the public folder, where they are not the usual ones. */
  readonly tables?: { readonly train?: string; readonly test?: string; readonly sample?: string };
  /** Files that rows name in a column: the folders they lie in, relative to the public folder. */
  readonly media?: { readonly column: string; readonly train: string; readonly test: string };
  /** Private file with the labels of the official test rows, relative to the folder. */
  readonly testAnswers?: string;
  readonly split: {
    readonly strategy?: SplitStrategy;
    readonly seed: number;
    readonly group?: string;
    readonly time?: string;
  };
  readonly feedback: FeedbackMode;
  readonly queries?: Partial<QueryBudget>;
  readonly refit: boolean;
  /** The sandbox image of its attempts, `sha256:…`; the host's own where absent. */
  readonly image?: string;
  readonly source: string;
  readonly licence: string;
  /** The best plausible score. */
  readonly plausible?: number;
}

/** An imported task, as far as everybody may know it. */
export interface TaskDescription {
  readonly name: string;
  readonly title: string;
  /** A metric's name; `grader` where the task has its own. */
  readonly metric: string;
  readonly grader?: GraderSettings;
  readonly lowerIsBetter: boolean;
  readonly kind: PredictionKind;
  /** The first of several. */
  readonly targetColumn: string;
  /** All of several; absent where there is one. */
  readonly targetColumns?: readonly string[];
  readonly idColumn: string;
  /** Columns of a submission besides the id, in order. */
  readonly predictionColumns: readonly string[];
  /** How much each of them counts, where the task says so. */
  readonly columnWeights?: readonly number[];
  /** Names of those columns in the official sample submission. */
  readonly officialColumns: readonly string[];
  /** Labels in order of their index; empty for numbers and texts. */
  readonly classes: readonly string[];
  readonly splitStrategy: SplitStrategy;
  readonly feedback: FeedbackMode;
  /** Budgets of queries that differ from the defaults. */
  readonly queries?: Partial<QueryBudget>;
  readonly refit: boolean;
  /** The sandbox image of its attempts, `sha256:…`; the host's own where absent. */
  readonly image?: string;
  /** A competition of a benchmark: its winner is never refitted. */
  readonly isBenchmark?: boolean;
  readonly plausible?: number;
  readonly source: string;
  readonly licence: string;
  readonly description: string;
  readonly trainRows: number;
  readonly testRows: number;
}

/** A task version as anybody may know it. */
export interface StoredTask {
  readonly version: string;
  readonly bundleDigest: string;
  readonly bundleBytes: number;
  readonly description: TaskDescription;
}
