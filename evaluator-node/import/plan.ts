// A checked task folder with its split made: everything that an import will write, before anything is written.

import { basename } from 'node:path';
import { sha256 } from '../../shared/store/digest.ts';
import { type Baseline, trivialBaseline } from '../core/baseline.ts';
import { metricFor } from '../core/grader-metric.ts';
import { findLeaks, type LeakFinding } from '../core/leaks.ts';
import type { Metric } from '../core/metrics/metric.ts';
import { quantileStrata, type Split, type SplitRequest, type SplitStrategy, splitRows } from '../core/splits.ts';
import { findColumns, repeatedIds, type TaskColumns } from './columns.ts';
import { type TaskFolder, trainFile } from './folder.ts';
import { labelWarnings } from './label-warnings.ts';
import { encodeLabels, numberOf, oneHotLabels } from './labels.ts';
import { archivesInExtras, unseenExtras } from './opaque-extras.ts';
import type { Problem } from './problem.ts';
import { labelsInExtras } from './public-labels.ts';
import { settingsFile } from './settings.ts';
import { columnOf, type Table } from './table.ts';
import { codeOf, readTargets, type Targets, type TextCodes } from './targets.ts';

export interface TaskPlan {
  readonly folder: TaskFolder;
  readonly metric: Metric;
  readonly columns: TaskColumns;
  readonly strategy: SplitStrategy;
  /** Of each row of train.csv. */
  readonly splits: readonly Split[];
  readonly truth: Float64Array;
  /** Values of a row in `truth` and `testTruth`, which are row-major. */
  readonly truthWidth: number;
  /** Of each row of test.csv; NaN where the label is not known. */
  readonly testTruth: Float64Array;
  /** What truth and baseline are codes of, where the metric takes texts. */
  readonly texts?: readonly string[];
  readonly baseline: Baseline;
  readonly warnings: readonly string[];
  /** Those of the warnings that the leak linter gave. */
  readonly leaks: readonly string[];
}

/** Fewest labelled rows: the hidden splits then have five each. */
const fewestRows = 50;

/** Checks the folder and splits its rows; all problems at once. */
export function planTask(folder: TaskFolder): TaskPlan | Problem[] {
  const metric = metricFor(folder.settings);
  if (metric === undefined) throw new Error(`unknown metric ${folder.settings.metric} after the settings were checked`);
  const columns = findColumns(folder, metric);
  if (Array.isArray(columns)) return columns;
  const codes: TextCodes = new Map();
  const targets = readTargets(folder.train, columns, metric, codes);
  const answers = testLabels(folder, columns, metric, codes);
  const problems = [
    ...targets.problems,
    ...answers.problems,
    ...archivesInExtras(folder),
    ...labelsInExtras(folder, columns.id, columns.targets),
    ...tooFewRows(folder.train.rows.length),
  ];
  if (problems.length > 0) return problems;
  const request = splitRequest(folder, metric, targets);
  if ('message' in request) return [request];
  const splits = splitRows(request);
  const unusable = splitProblem(metric, splits, targets);
  if (unusable !== undefined) return [unusable];
  const leaks = leaksOf(folder, columns, { metric, targets, splits });
  const refused = leaks.filter((leak) => leak.severity === 'refuse');
  if (refused.length > 0) {
    const remedy = 'Remove the column or the duplicate rows: a score on this data would mean nothing';
    return refused.map((leak) => ({ file: trainFile, message: `leak: ${leak.message}`, remedy }));
  }
  const found = leaks.map((leak) => leak.message);
  const truthWidth = targets.columns.length;
  const trainTruth = targets.truth.filter((_, at) => splits[Math.floor(at / truthWidth)] === 'train');
  // Before the texts are listed, because a grader's baseline adds to them.
  const baseline =
    folder.grader === undefined
      ? trivialBaseline(metric, trainTruth, columns.classes.length, columns.predictionColumns.length)
      : sampleBaseline(folder, columns, codes);
  return {
    folder,
    metric,
    columns,
    strategy: request.strategy,
    splits,
    truth: targets.truth,
    truthWidth,
    testTruth: answers.truth,
    ...(metric.kind === 'text' ? { texts: [...codes.keys()] } : {}),
    baseline,
    leaks: found,
    warnings: [
      ...found,
      ...labelWarnings(metric, columns, targets),
      ...folderWarnings(folder, columns),
      ...unseenExtras(folder),
    ],
  };
}

/** What a grader of one's own is compared with: the first row of the sample submission, in every row. */
function sampleBaseline({ sample }: TaskFolder, columns: TaskColumns, codes: TextCodes): Baseline {
  const fields = columns.officialColumns.map((name) => columnOf(sample, name)[0] ?? '');
  return {
    name: 'the first row of the sample submission',
    row: Float64Array.from(fields, (field) => codeOf(codes, field)),
  };
}

/** What the linter finds for each target; what it finds for all of them is told once. */
function leaksOf(
  folder: TaskFolder,
  columns: TaskColumns,
  { metric, targets, splits }: { metric: Metric; targets: Targets; splits: readonly Split[] },
): LeakFinding[] {
  const features = columns.features.map((name) => {
    return { name, values: columnOf(folder.train, name), official: columnOf(folder.test, name) };
  });
  const ids = columns.trainHasIds ? columnOf(folder.train, columns.id) : [];
  const classification = metric.kind !== 'number' && metric.kind !== 'numbers';
  const { media } = folder;
  const files = media === undefined ? {} : rowFiles(media);
  const found = targets.columns.map(({ name, labels, truth }) => ({
    name,
    leaks: findLeaks({ classification, labels, truth, classes: columns.classes, ids, features, splits, ...files }),
  }));
  const [first] = found;
  const ofAll = (first?.leaks ?? []).filter((leak) =>
    found.every(({ leaks }) => leaks.some(({ message }) => message === leak.message)),
  );
  const known = new Set(ofAll.map(({ message }) => message));
  const ofOne = found.flatMap(({ name, leaks }) =>
    leaks
      .filter(({ message }) => !known.has(message))
      .map((leak) => ({ ...leak, message: `target ${JSON.stringify(name)}: ${leak.message}` })),
  );
  return [...ofAll, ...ofOne];
}

/** What the linter looks at of files: their names, sizes, times and digests; that they are read at all bounds their bytes. */
function rowFiles({ train, test, files, modifiedMs }: NonNullable<TaskFolder['media']>) {
  const digests = new Map([...files].map(([path, content]) => [path, sha256(content)]));
  const digestOf = (path: string): string => digests.get(path) ?? '';
  return {
    files: train.map((path) => {
      const [bytes, changedMs] = [files.get(path)?.length ?? 0, modifiedMs.get(path) ?? 0];
      return { name: basename(path), bytes, modifiedMs: changedMs, digest: digestOf(path) };
    }),
    officialFiles: test.map(digestOf),
  };
}

function tooFewRows(rows: number): Problem[] {
  if (rows >= fewestRows) return [];
  const message = `there are ${rows} labelled rows; expected at least ${fewestRows}, so that the hidden splits can tell anything`;
  return [{ file: trainFile, message, remedy: 'Add rows' }];
}

function folderWarnings(folder: TaskFolder, columns: TaskColumns): string[] {
  const warnings: string[] = [];
  if (columns.trainOnly.length > 0) {
    warnings.push(
      `only ${trainFile} has ${columns.trainOnly.map((each) => JSON.stringify(each)).join(', ')}; agents see them for training rows alone`,
    );
  }
  if (folder.sampleIsPrivate) {
    warnings.push(
      'the sample submission lies under private/; only its columns and ids were read, agents get one of our own',
    );
  }
  if (folder.isBenchmark && folder.settings.refit) {
    warnings.push('refit stays off: in a benchmark the program that was judged is the one that is handed in');
  }
  if (folder.ignored.length > 0) {
    warnings.push(`not named under files in ${settingsFile}, so agents will not see: ${folder.ignored.join(', ')}`);
  }
  if (folder.description.trim() === '')
    warnings.push('description.md is missing; agents will only get a generated one');
  return warnings;
}

function testLabels(
  folder: TaskFolder,
  columns: TaskColumns,
  metric: Metric,
  codes: TextCodes,
): { truth: Float64Array; problems: readonly Problem[] } {
  const ids = columnOf(folder.test, columns.id);
  const width = columns.oneHot ? 1 : columns.targets.length;
  const truth = new Float64Array(ids.length * width).fill(Number.NaN);
  const { answers } = folder;
  if (answers === undefined) return { truth, problems: [] };
  const oneHot = wideAnswers(answers, columns, metric);
  const needed = oneHot === undefined ? [columns.id, ...columns.targets] : [columns.id];
  const missing = needed.filter((column) => !answers.columns.includes(column));
  if (missing.length > 0) {
    const message = `the column ${missing.map((each) => JSON.stringify(each)).join(', ')} is missing`;
    return {
      truth,
      problems: [{ file: answers.file, line: 1, message, remedy: 'Give the answers the id and the target column' }],
    };
  }
  const encoded =
    oneHot === undefined
      ? readTargets(answers, columns, metric, codes)
      : encodeLabels({ file: answers.file, labels: oneHot, lines: answers.lines }, metric, columns.classes);
  const problems = [...encoded.problems, ...repeatedIds(answers, columns.id)];
  const rowOf = new Map(columnOf(answers, columns.id).map((id, row) => [id, row]));
  const unknown = ids.filter((id) => !rowOf.has(id));
  if (unknown.length > 0) {
    const message = `${unknown.length} of ${ids.length} ids of test.csv have no answer, the first is ${JSON.stringify(unknown[0])}`;
    problems.push({ file: answers.file, message, remedy: 'Add them, or remove test_answers' });
  }
  for (const [row, id] of ids.entries()) {
    const from = (rowOf.get(id) ?? 0) * width;
    truth.set(encoded.truth.subarray(from, from + width), row * width);
  }
  return { truth, problems };
}

/** Labels of answers that have a column of 0 and 1 for each class, as MLE-bench's often do; undefined for others. */
function wideAnswers(answers: Table, columns: TaskColumns, metric: Metric): string[] | undefined {
  const official = columns.officialColumns;
  const [target = ''] = columns.targets;
  const wide = metric.kind === 'probabilities' && official.length === columns.classes.length;
  if (!wide || columns.oneHot || answers.columns.includes(target)) return;
  if (!official.every((column) => answers.columns.includes(column))) return;
  return oneHotLabels(answers, official).map((column) => columns.classes[official.indexOf(column)] ?? '');
}

function splitRequest(folder: TaskFolder, metric: Metric, targets: Targets): SplitRequest | Problem {
  const { split } = folder.settings;
  const strata = strataOf(metric, targets);
  const usual = strata === undefined ? 'random' : 'stratified';
  const strategy = split.strategy ?? (split.group !== undefined ? 'group' : split.time !== undefined ? 'time' : usual);
  const base = { strategy, seed: split.seed, rows: folder.train.rows.length };
  const column = strategy === 'group' ? split.group : strategy === 'time' ? split.time : undefined;
  if (strategy === 'random') return base;
  if (strategy === 'stratified') {
    if (strata !== undefined) return { ...base, strata };
    const message = 'split.strategy is stratified, and texts have no strata';
    return { file: settingsFile, message, remedy: 'Use random, group or time' };
  }
  if (column === undefined || !folder.train.columns.includes(column)) {
    const message = `split.${strategy} names the column ${JSON.stringify(column ?? '')}, which ${trainFile} does not have`;
    return { file: settingsFile, message, remedy: 'Name one of its columns' };
  }
  const values = columnOf(folder.train, column);
  return strategy === 'group' ? { ...base, groups: values } : timeRequest(base, values, column, folder);
}

function timeRequest(
  base: Omit<SplitRequest, 'times'>,
  values: string[],
  column: string,
  folder: TaskFolder,
): SplitRequest | Problem {
  const numbers = values.map(numberOf);
  if (!numbers.some(Number.isNaN)) return { ...base, times: numbers };
  const row = values.findIndex((value) => !/^\d{4}-\d\d(-\d\d([T ]\d\d:\d\d.*)?)?$/.test(value));
  if (row < 0) return { ...base, times: values };
  return {
    file: trainFile,
    line: folder.train.lines[row] ?? 0,
    message: `${JSON.stringify(values[row])} in the time column ${JSON.stringify(column)} is neither a number nor a date such as 2026-04-24`,
    remedy: 'Write all times in one of these ways',
  };
}

/** Several targets of at most this many values each are stratified by their combination, such as several yes-or-no labels. */
const fewValues = 10;

/** What `stratified` divides by: the class, deciles of a number, the combination of several labels, or deciles of the first of several. */
function strataOf(metric: Metric, { columns }: Targets): Int32Array | undefined {
  const [first] = columns;
  if (metric.kind === 'text' || first === undefined) return;
  if (metric.kind === 'number') return quantileStrata(first.truth);
  if (metric.kind !== 'numbers') return Int32Array.from(first.truth);
  if (columns.some(({ truth }) => new Set(truth).size > fewValues)) return quantileStrata(first.truth);
  const combinations =
    first.truth.length === 0
      ? []
      : Array.from(first.truth, (_, row) => columns.map(({ truth }) => truth[row]).join(' '));
  const ranks = new Map([...new Set(combinations)].map((combination, rank) => [combination, rank]));
  return Int32Array.from(combinations, (combination) => ranks.get(combination) ?? 0);
}

/** A hidden split on which the metric could not tell anything. */
function splitProblem(metric: Metric, splits: readonly Split[], { columns }: Targets): Problem | undefined {
  const free = metric.kind === 'text' || (metric.kind === 'number' && metric.needsVariation !== true);
  const needed = free || (metric.kind === 'numbers' && metric.needs === undefined) ? 1 : 2;
  for (const split of ['train', 'search', 'validation'] as const) {
    for (const { name, truth } of columns) {
      const labels = truth.filter((_, row) => splits[row] === split);
      const distinct = new Set(labels).size;
      if (labels.length >= 2 && distinct >= needed) continue;
      const of = columns.length === 1 ? '' : ` in ${JSON.stringify(name)}`;
      const message = `the ${split} split has ${labels.length} rows with ${distinct} different labels${of}; ${metric.name} needs more`;
      return { file: trainFile, message, remedy: 'Add rows, use split.strategy stratified, or smaller groups' };
    }
  }
  return;
}
