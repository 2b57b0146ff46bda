// The target columns of a table as the metric takes them: a class or a number a row, several numbers, or codes of texts.

import type { Metric } from '../core/metrics/metric.ts';
import type { TaskColumns } from './columns.ts';
import { encodeLabels, oneHotLabels } from './labels.ts';
import { firstOf, type Problem } from './problem.ts';
import { columnOf, type Table } from './table.ts';

/** One answer column: the text of each row, and what the metric makes of it. */
interface TargetColumn {
  readonly name: string;
  readonly labels: readonly string[];
  readonly truth: Float64Array;
}

export interface Targets {
  /** In the order of the answers; one where several columns of 0 and 1 tell a class. */
  readonly columns: readonly TargetColumn[];
  /** Row-major, a value for each of `columns`. */
  readonly truth: Float64Array;
  readonly problems: readonly Problem[];
}

/** Texts numbered in the order in which they are first seen, over all tables of a task. */
export type TextCodes = Map<string, number>;

/** Reads the targets of a table that has these columns, with a problem for each value that does not fit. */
export function readTargets(table: Table, columns: TaskColumns, metric: Metric, codes: TextCodes): Targets {
  const read = columns.oneHot
    ? [readClasses(table, columns, metric)]
    : columns.targets.map((name, index) => readColumn(table, { name, index }, columns, metric, codes));
  const truth = new Float64Array(table.rows.length * read.length);
  for (const [index, { column }] of read.entries()) {
    for (let row = 0; row < table.rows.length; row += 1)
      truth[row * read.length + index] = column.truth[row] ?? Number.NaN;
  }
  const problems = read.flatMap((each) => each.problems);
  if (metric.sharesOfOne === true && problems.length === 0)
    problems.push(...shareProblems(table, columns.targets, truth));
  return { columns: read.map(({ column }) => column), truth, problems };
}

interface ReadColumn {
  readonly column: TargetColumn;
  readonly problems: readonly Problem[];
}

function readColumn(
  table: Table,
  target: { readonly name: string; readonly index: number },
  columns: TaskColumns,
  metric: Metric,
  codes: TextCodes,
): ReadColumn {
  const { name, index } = target;
  const labels = columnOf(table, name);
  const source = { file: table.file, labels, lines: table.lines };
  if (metric.kind === 'text') {
    const column = { name, labels, truth: Float64Array.from(labels, (text) => codeOf(codes, text)) };
    return { column, problems: textProblems(table, labels, metric) };
  }
  const encoded = encodeLabels(source, metric, columns.classes, metric.columnDomains?.[index]);
  return { column: { name, labels, truth: encoded.truth }, problems: encoded.problems };
}

/** The code of a text, a new one where it was not seen before. */
export function codeOf(codes: TextCodes, text: string): number {
  const code = codes.get(text) ?? codes.size;
  codes.set(text, code);
  return code;
}

function textProblems(table: Table, labels: readonly string[], metric: Metric): Problem[] {
  const remedy = 'Correct it, or choose another metric';
  const problems = labels.flatMap((text, row) => {
    const problem = metric.textProblem?.(text);
    return problem === undefined
      ? []
      : [{ file: table.file, line: table.lines[row] ?? 0, message: `the target ${problem}`, remedy }];
  });
  return firstOf(problems);
}

function readClasses(table: Table, { targets, classes }: TaskColumns, metric: Metric): ReadColumn {
  const labels = oneHotLabels(table, targets);
  const problems = labels.flatMap((label, row) =>
    label === '' ? [{ ...notOneHot, file: table.file, line: table.lines[row] ?? 0 }] : [],
  );
  const column = { name: targets.join(', '), labels, truth: new Float64Array(labels.length) };
  if (problems.length > 0) return { column, problems: firstOf(problems) };
  const encoded = encodeLabels({ file: table.file, labels, lines: table.lines }, metric, classes);
  return { column: { ...column, truth: encoded.truth }, problems: encoded.problems };
}

const notOneHot = {
  message: 'the target columns of this row are not one 1 and else 0',
  remedy: 'Mark one class a row, or choose a metric for several labels such as log-loss-multi-label',
};

const sumTolerance = 1e-3;

function shareProblems(table: Table, targets: readonly string[], truth: Float64Array): Problem[] {
  const problems = table.lines.flatMap((line, row) => {
    const shares = truth.subarray(row * targets.length, (row + 1) * targets.length);
    const sum = shares.reduce((total, share) => total + share, 0);
    if (Math.abs(sum - 1) <= sumTolerance) return [];
    const message = `the target columns sum to ${sum}, not to 1`;
    return [{ file: table.file, line, message, remedy: 'Divide each of them by their sum' }];
  });
  return firstOf(problems);
}
