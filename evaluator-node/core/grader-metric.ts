// A task's own grader where others have a metric: what is known of it without running it. It scores files of text, so it is
// a metric of texts; its value comes from a container (grader/), never from `prepare`.

import type { Metric, PredictionKind } from './metrics/metric.ts';
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
