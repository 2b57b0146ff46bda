// A task's own grader where others have a metric: what is known of it without running it. It scores files of text, so it is
// a metric of texts; its value comes from a container (grader/), never from `prepare`.

import type { Metric, PredictionKind, Score } from './metrics/metric.ts';
import { findMetric } from './metrics/registry.ts';

/** What task.yaml says of a grader. */
export interface GraderSettings {
  /** Relative to the task's folder. */
  readonly file: string;
  readonly functionName: string;
  readonly lowerIsBetter: boolean;
  /** The best score there is, where the author says so; it is quarantined. */
  readonly perfect?: number;
  /** What a row of a submission holds, for those who write one; nothing here is checked by it. */
  readonly predicts?: PredictionKind;
}

/** What `predicts` may be. */
export const graderPredictions = [
  'label',
  'probability',
  'probabilities',
  'number',
  'numbers',
  'text',
] as const satisfies readonly PredictionKind[];

/** The name that stands where others have a metric's. */
export const graderMetricName = 'grader';

function graderMetric({ lowerIsBetter, perfect = Number.NaN }: GraderSettings): Metric {
  return {
    name: graderMetricName,
    title: "the task's own grader",
    lowerIsBetter,
    kind: 'text',
    perfect,
    prepare: () => () => Number.NaN,
  };
}

/** The metric of a task, be it its own grader; undefined where the name is unknown. */
export function metricFor(task: { readonly metric: string; readonly grader?: GraderSettings }): Metric | undefined {
  return task.grader === undefined ? findMetric(task.metric) : graderMetric(task.grader);
}

/**
 * How many rows' shares of a score one label is taken to be worth where nobody can measure it. In a mean over rows a label moves the score by
 * one row's loss; losses of a few times the mean are common, and some metrics gather a score in few rows.
 */
const sharesOfLabel = 4;

/**
 * What blurs a score of a task's own grader, on the safe side of what is not known of it. One label is worth four rows' shares of the score,
 * or of the best one where that is larger and known. A standard error that it did not tell is taken to be as large as the distance from the best
 * score; where that is unknown too, as large as the score, and of scores that are no loss no less than that of rows which count up to 1.
 * A function of the score alone, so that equal predictions are blurred alike.
 */
export function graderBlur(
  { value, standardError }: Score,
  { perfect, lowerIsBetter }: Pick<GraderSettings, 'perfect' | 'lowerIsBetter'>,
  rows: number,
): { readonly score: Score; readonly labelWorth: number } {
  const size = Math.max(Math.abs(value), Math.abs(perfect ?? 0));
  const least = perfect === undefined && !lowerIsBetter ? 1 / Math.sqrt(rows) : 0;
  const untold = Math.max(Math.abs(value - (perfect ?? 0)), least);
  const score = { value, standardError: standardError > 0 ? standardError : untold };
  return { score, labelWorth: (sharesOfLabel * size) / rows };
}
