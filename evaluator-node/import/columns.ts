// Which column is what: id, target, features, and the columns of a submission. Finds every contradiction.

import type { Metric } from '../core/metrics/metric.ts';
import { sampleFile, type TaskFolder, testFile, trainFile } from './folder.ts';
import { firstOf, listed, type Problem } from './problem.ts';
import { settingsFile } from './settings.ts';
import { type SubmissionColumns, submissionColumns } from './submission-columns.ts';
import { columnOf, type Table } from './table.ts';

export interface TaskColumns extends SubmissionColumns {
  readonly id: string;
  /** Columns that test.csv has besides the id, in the order of train.csv. */
  readonly features: readonly string[];
  /** Columns that only train.csv has, besides the id and the targets. */
  readonly trainOnly: readonly string[];
  /** True where train.csv has ids of its own. */
  readonly trainHasIds: boolean;
  /** How much each prediction column counts, where task.yaml says so. */
  readonly columnWeights?: readonly number[];
}

/** The columns by their roles, or everything that contradicts. */
export function findColumns(folder: TaskFolder, metric: Metric): TaskColumns | Problem[] {
  const { settings, train, test, sample } = folder;
  const id = settings.id ?? sample.columns[0] ?? '';
  const problems: Problem[] = [];
  const { targets } = settings;
  for (const target of targets) {
    if (!train.columns.includes(target)) problems.push(targetMissing(target, train));
    if (!test.columns.includes(target)) continue;
    const message = `labels inside a public file: ${testFile} has the target column ${JSON.stringify(target)}`;
    problems.push({
      file: testFile,
      line: 1,
      message,
      remedy: 'Remove the column; name a private file as test_answers if you have the labels',
      atInit: { remedy: 'Remove the column, or name another with --target' },
    });
  }
  for (const table of [test, sample]) {
    if (table.columns.includes(id)) continue;
    const message = `the id column ${JSON.stringify(id)} is missing; there are ${listed(table.columns)}`;
    problems.push({
      file: table.file,
      line: 1,
      message,
      remedy: `Add it, or set id in ${settingsFile}`,
      atInit: { remedy: 'Add it, or name another column with --id' },
    });
  }
  const features = test.columns.filter((column) => column !== id && !targets.includes(column));
  for (const column of features.filter((each) => !train.columns.includes(each))) {
    const message = `the column ${JSON.stringify(column)} of ${testFile} is not in ${trainFile}`;
    problems.push({ file: trainFile, line: 1, message, remedy: 'Give both files the same feature columns' });
  }
  // Pictures or other files may be all that there is to predict from.
  if (features.length === 0 && settings.media === undefined) problems.push(noFeatures(test, id));
  if (problems.length > 0) return problems;
  const trainHasIds = train.columns.includes(id);
  problems.push(...idProblems(folder, id, trainHasIds));
  const submission = submissionColumns(folder, metric, id);
  if (Array.isArray(submission)) problems.push(...submission);
  const weights = weightProblems(folder, metric);
  if (problems.length > 0 || weights.length > 0 || Array.isArray(submission)) return [...problems, ...weights];
  const { columnWeights } = settings;
  return {
    id,
    ...(columnWeights === undefined
      ? {}
      : { columnWeights: submission.predictionColumns.map((name) => columnWeights[name] ?? 1) }),
    features: train.columns.filter((column) => features.includes(column)),
    trainOnly: train.columns.filter((each) => each !== id && !targets.includes(each) && !features.includes(each)),
    trainHasIds,
    ...submission,
  };
}

function weightProblems({ settings }: TaskFolder, metric: Metric): Problem[] {
  const { columnWeights, targets } = settings;
  if (columnWeights === undefined) return [];
  if (metric.takesColumnWeights !== true) {
    const message = `${metric.name} takes no column weights`;
    return [{ file: settingsFile, message, remedy: 'Remove column_weights' }];
  }
  const unknown = Object.keys(columnWeights).filter((name) => !targets.includes(name));
  if (unknown.length === 0) return [];
  const message = `column_weights names ${listed(unknown)}, and the targets are ${listed(targets)}`;
  return [{ file: settingsFile, message, remedy: 'Name target columns only' }];
}

function targetMissing(target: string, train: Table): Problem {
  const message = `the target column ${JSON.stringify(target)} is missing; there are ${listed(train.columns)}`;
  return {
    file: trainFile,
    line: 1,
    message,
    remedy: `Add the column, or correct target in ${settingsFile}`,
    atInit: { remedy: 'Add the column, or name another with --target' },
  };
}

function noFeatures(test: Table, id: string): Problem {
  const column = JSON.stringify(id);
  return {
    file: test.file,
    line: 1,
    message: 'there is no feature column',
    remedy: `Add at least one besides the id; where ids name files such as pictures, add \`media: { column: ${column}, train: FOLDER, test: FOLDER }\` to ${settingsFile}`,
    atInit: {
      remedy: `Add at least one besides the id; where ids name files such as pictures, put a file for each id of ${trainFile} into one folder, and for each of ${testFile} into the same or another: \`task init\` then writes media`,
    },
  };
}

function idProblems(folder: TaskFolder, id: string, trainHasIds: boolean): Problem[] {
  const { train, test, sample } = folder;
  const tables = trainHasIds ? [train, test, sample] : [test, sample];
  const problems = tables.flatMap((table) => repeatedIds(table, id));
  const testIds = new Set(columnOf(test, id));
  const sampleIds = new Set(columnOf(sample, id));
  const strangers = columnOf(sample, id)
    .map((value, row) => ({ value, line: sample.lines[row] ?? 0 }))
    .filter(({ value }) => !testIds.has(value))
    .map(({ value, line }) => ({
      file: sampleFile,
      line,
      message: `the id ${JSON.stringify(value)} is not in ${testFile}`,
      remedy: 'Give the sample submission exactly the ids of test.csv',
    }));
  const absent = columnOf(test, id)
    .map((value, row) => ({ value, line: test.lines[row] ?? 0 }))
    .filter(({ value }) => !sampleIds.has(value))
    .map(({ value, line }) => ({
      file: testFile,
      line,
      message: `the id ${JSON.stringify(value)} has no row in ${sampleFile}`,
      remedy: 'Give the sample submission exactly the ids of test.csv',
    }));
  return [...problems, ...firstOf(strangers), ...firstOf(absent)];
}

/** Ids that are empty or stand in a table twice. */
export function repeatedIds(table: Table, id: string): Problem[] {
  const firstLine = new Map<string, number>();
  const problems: Problem[] = [];
  columnOf(table, id).forEach((value, row) => {
    const line = table.lines[row] ?? 0;
    const earlier = firstLine.get(value);
    if (value === '') {
      problems.push({ file: table.file, line, message: 'the id is empty', remedy: 'Give every row an id' });
    } else if (earlier !== undefined) {
      const message = `the id ${JSON.stringify(value)} stands on line ${earlier} already; ids must be unique`;
      problems.push({ file: table.file, line, message, remedy: 'Remove or rename one of them' });
    } else firstLine.set(value, line);
  });
  return firstOf(problems);
}
