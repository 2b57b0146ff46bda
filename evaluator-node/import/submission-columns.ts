// The columns of a submission: what the metric asks for, found in the official sample submission. Columns are joined by
// name; where a name is not plain, the task is refused, because columns in another order give a wrong score and no error.

import type { Metric } from '../core/metrics/metric.ts';
import type { TaskSettings } from '../core/task.ts';
import { sampleFile, type TaskFolder, trainFile } from './folder.ts';
import { binaryClasses, distinctLabels, numberOf, oneHotLabels } from './labels.ts';
import { listed, type Problem } from './problem.ts';
import { settingsFile } from './settings.ts';
import { columnOf } from './table.ts';

export interface SubmissionColumns {
  /** The target columns, in the order of the answers. */
  readonly targets: readonly string[];
  /** True where they tell one class a row, each by 0 and 1. */
  readonly oneHot: boolean;
  readonly classes: readonly string[];
  readonly predictionColumns: readonly string[];
  readonly officialColumns: readonly string[];
}

/** Finds them, or says what contradicts. */
export function submissionColumns(folder: TaskFolder, metric: Metric, id: string): SubmissionColumns | Problem[] {
  const { settings, sample } = folder;
  const official = sample.columns.filter((column) => column !== id);
  const { targets } = settings;
  if (metric.kind === 'numbers') return numberColumns(targets, metric, official);
  if (settings.grader !== undefined)
    return { targets, oneHot: false, classes: [], predictionColumns: official, officialColumns: official };
  const tellsClass = metric.kind === 'probabilities' || (metric.kind === 'label' && metric.binary !== true);
  if (targets.length > 1 && !tellsClass) return [tooManyTargets(metric, targets)];
  const base = { targets, oneHot: targets.length > 1 };
  const [target = ''] = targets;
  const single = metric.kind !== 'probabilities' || official.length === 1;
  if (single && official.length !== 1) {
    const message = `${metric.name} takes one prediction column, and there are ${official.length}: ${listed(official)}`;
    const remedy = `Write the columns ${JSON.stringify(id)} and ${JSON.stringify(target)}`;
    return [{ file: sampleFile, line: 1, message, remedy }];
  }
  const one = { ...base, predictionColumns: base.oneHot ? official : [target], officialColumns: official };
  if (metric.kind === 'number' || metric.kind === 'text') return { ...one, classes: [] };
  const labels = base.oneHot
    ? oneHotLabels(folder.train, targets).filter((label) => label !== '')
    : columnOf(folder.train, target).filter((label) => label !== '');
  const classes = classesOf(settings, metric, labels, single);
  if ('problem' in classes) return [classes.problem];
  if (single) return { ...one, classes: classes.labels };
  const ordered = classColumns(classes.labels, official);
  return Array.isArray(ordered) ? ordered : { ...base, ...ordered };
}

function classesOf(
  settings: TaskSettings,
  metric: Metric,
  labels: readonly string[],
  single: boolean,
): { readonly labels: string[] } | { readonly problem: Problem } {
  if (metric.kind === 'probability' || metric.binary === true || (metric.kind === 'probabilities' && single)) {
    const classes = binaryClasses(labels, settings);
    return Array.isArray(classes) ? { labels: classes } : { problem: classes };
  }
  const classes = distinctLabels(labels);
  if (classes.length < 2 || classes.length > Math.max(2, labels.length / 2))
    return { problem: classCount(settings, classes, labels) };
  if (metric.ordinal === true && classes.some((label) => Number.isNaN(numberOf(label)))) {
    const message = `${metric.name} takes numbers as labels, and there are ${listed(classes)}`;
    return {
      problem: { file: trainFile, message, remedy: 'Write the grades as numbers, or choose another metric' },
    };
  }
  return { labels: classes };
}

function tooManyTargets(metric: Metric, targets: readonly string[]): Problem {
  const message = `${metric.name} takes one target column, and there are ${targets.length}: ${listed(targets)}`;
  const remedy = 'Name one, or choose a metric for several such as mcrmse';
  return { file: settingsFile, message, remedy, atInit: { file: '--target' } };
}

/** The columns of several numbers: those of the targets by name, or as many as the metric fixes. */
function numberColumns(
  targets: readonly string[],
  metric: Metric,
  official: readonly string[],
): SubmissionColumns | Problem[] {
  const { truth, prediction } = metric.columns ?? { truth: targets.length, prediction: targets.length };
  const found = { oneHot: false, classes: [], targets };
  if (targets.length !== truth) {
    const message = `${metric.name} takes ${truth} target ${truth === 1 ? 'column' : 'columns'}, and there are ${targets.length}`;
    const remedy = 'Name them all under target, in the order that the metric asks for';
    const atInit = { file: '--target', remedy: 'Give --target for each, in the order that the metric asks for' };
    return [{ file: settingsFile, message, remedy, atInit }];
  }
  if (truth === prediction) {
    const same = official.length === targets.length && targets.every((target) => official.includes(target));
    if (same) return { ...found, predictionColumns: targets, officialColumns: targets };
    const message = `expected a column for each target (${listed(targets)}), found ${listed(official)}`;
    return [{ file: sampleFile, line: 1, message, remedy: 'Name the columns like the targets' }];
  }
  const first = official.findIndex((column) => targets.includes(column));
  if (official.length === prediction && first <= 0)
    return { ...found, predictionColumns: official, officialColumns: official };
  const message = `${metric.name} takes ${prediction} prediction columns, the target ${listed(targets)} first, found ${listed(official)}`;
  return [{ file: sampleFile, line: 1, message, remedy: 'Write the columns in this number and order' }];
}

function classCount(settings: TaskSettings, classes: readonly string[], labels: readonly string[]): Problem {
  const message = `the target ${listed(settings.targets)} has ${classes.length} different labels in ${labels.length} rows, and ${settings.metric} takes classes`;
  return { file: trainFile, message, remedy: 'Choose another target, or a metric for numbers such as rmse' };
}

/** One column per class, named by the label, or by the label behind a prefix that all share. */
function classColumns(
  classes: readonly string[],
  official: readonly string[],
): Pick<SubmissionColumns, 'classes' | 'predictionColumns' | 'officialColumns'> | Problem[] {
  const [first] = official;
  const prefixes = classes
    .filter((label) => first?.endsWith(label))
    .map((label) => first?.slice(0, -label.length) ?? '');
  for (const prefix of ['', ...prefixes]) {
    const byColumn = new Map(classes.map((label) => [`${prefix}${label}`, label]));
    const ordered = official.map((column) => byColumn.get(column));
    if (official.length !== classes.length || !ordered.every((label) => label !== undefined)) continue;
    return { classes: ordered, predictionColumns: ordered, officialColumns: official };
  }
  const message = `expected one column per class (${listed(classes)}), found ${listed(official)}`;
  return [{ file: sampleFile, line: 1, message, remedy: 'Name the columns by the labels of the target' }];
}
