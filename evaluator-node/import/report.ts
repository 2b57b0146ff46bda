// What `task validate` and `task import` tell: data with stable names, and a text for people.

import { score, scoreWithError } from '../../shared/core/score-text.ts';
import { graderMetricName } from '../core/grader-metric.ts';
import type { PredictionKind } from '../core/metrics/metric.ts';
import { type ColumnKind, columnKind } from './column-kinds.ts';
import type { GraderCheck } from './grader-check.ts';
import { graderPredicts } from './grader-predictions.ts';
import type { TaskPlan } from './plan.ts';
import { columnOf } from './table.ts';

export interface TaskReport {
  readonly name: string;
  readonly title: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  /** The target column; several are joined by commas. */
  readonly target: string;
  readonly targets: readonly string[];
  readonly id: string;
  readonly predictionColumns: readonly string[];
  /** What a row of a submission holds. */
  readonly predictionKind: PredictionKind;
  readonly classes: readonly string[];
  readonly features: readonly string[];
  /** What each feature looks like. */
  readonly featureKinds: readonly ColumnKind[];
  readonly rows: {
    readonly train: number;
    readonly search: number;
    readonly validation: number;
    readonly test: number;
  };
  readonly split: string;
  readonly testLabels: boolean;
  /** Files of the public bundle. */
  readonly agentsSee: readonly string[];
  readonly warnings: readonly string[];
  /** Those of the warnings that the leak linter gave. */
  readonly leaks: readonly string[];
  /** What the task's own grader did, where it was run. */
  readonly grader?: Omit<GraderCheck, 'problem' | 'warnings'>;
}

/** The report of a plan, and of its grader where that was run. */
export function reportOf(plan: TaskPlan, check?: GraderCheck): TaskReport {
  const { settings, extras, media, test } = plan.folder;
  const count = (split: string): number => plan.splits.filter((each) => each === split).length;
  return {
    name: settings.name,
    title: settings.title,
    metric: plan.metric.name,
    lowerIsBetter: plan.metric.lowerIsBetter,
    target: plan.columns.targets.join(', '),
    targets: plan.columns.targets,
    id: plan.columns.id,
    predictionColumns: plan.columns.predictionColumns,
    predictionKind: settings.grader === undefined ? plan.metric.kind : graderPredicts(plan.folder, plan.columns),
    classes: plan.columns.classes,
    features: plan.columns.features,
    featureKinds: plan.columns.features.map((name) =>
      name === media?.column ? 'file' : columnKind(columnOf(plan.folder.train, name)),
    ),
    rows: { train: count('train'), search: count('search'), validation: count('validation'), test: test.rows.length },
    split: plan.strategy,
    testLabels: plan.testTruth.length > 0 && !plan.testTruth.some(Number.isNaN),
    agentsSee: [
      'train.csv',
      'test.csv',
      'sample_submission.csv',
      'description.md',
      ...extras.map((extra) => extra.path),
      ...(media === undefined ? [] : [`${media.folder}/ (${media.files.size} files under opaque names)`]),
    ],
    warnings: [...plan.warnings, ...(check?.warnings ?? [])],
    leaks: plan.leaks,
    ...(check === undefined ? {} : { grader: toldOf(check) }),
  };
}

function toldOf({
  rows,
  sampleScore,
  sampleStandardError,
  answersScore,
}: GraderCheck): NonNullable<TaskReport['grader']> {
  return { rows, sampleScore, sampleStandardError, answersScore };
}

function graderText({
  rows,
  sampleScore,
  sampleStandardError,
  answersScore,
}: NonNullable<TaskReport['grader']>): string {
  // Without an error it is rounded as a score is anywhere else.
  const sample = sampleScore === null ? 'no number' : scoreWithError(sampleScore, sampleStandardError ?? Number.NaN);
  const perfect = answersScore === null ? '' : `, the answers themselves ${score(answersScore)}`;
  return `over ${rows} search rows the sample submission got ${sample}${perfect}`;
}

/** The report as lines for a terminal. */
export function reportText(report: TaskReport): string {
  const { rows, grader } = report;
  const ran = grader !== undefined && (grader.sampleScore !== null || grader.answersScore !== null);
  const hidden = rows.search + rows.validation + rows.test;
  const goal = report.lowerIsBetter ? 'lower is better' : 'higher is better';
  const lines = [
    `Task        ${report.name} — ${report.title}`,
    `Metric      ${report.metric} (${goal})`,
    `Columns     id ${report.id}, ${report.targets.length === 1 ? 'target' : 'targets'} ${shortList(report.targets)}, ${report.features.length} features`,
    `Features    ${featureList(report)}`,
    ...(report.classes.length === 0
      ? []
      : [`Labels      ${shortList(report.classes.map((label) => JSON.stringify(label)))}`]),
    `Split       ${report.split}: ${rows.train} training, ${rows.search} search, ${rows.validation} validation, ${rows.test} official test rows`,
    `Agents see  train.csv with ${rows.train} labelled rows; test.csv with ${hidden} rows, shuffled, under opaque ids; ${report.agentsSee.slice(2).join(', ')}`,
    ...(report.metric === graderMetricName
      ? [`Predictions ${report.predictionKind}; say so in task.yaml (grader.predicts) where that is wrong`]
      : []),
    ...(ran ? [`Grader      ${graderText(grader)}`] : []),
    `Test labels ${report.testLabels ? 'known; used for the final report only' : 'not known'}`,
    `Leaks       ${report.leaks.length === 0 ? 'the linter found nothing' : `findings of the linter among the warnings: ${report.leaks.length}`}`,
    ...report.warnings.map((warning) => `Warning     ${warning}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Most features that are listed. */
const listedFeatures = 20;

function featureList({ features, featureKinds }: TaskReport): string {
  if (features.length === 0) return 'none but the files';
  const told = features.map((name, at) => `${name} (${featureKinds[at]})`);
  return shortList(told, listedFeatures);
}

function shortList(items: readonly string[], most = 12): string {
  return items.length > most ? `${items.slice(0, most).join(', ')} and ${items.length - most} more` : items.join(', ');
}
