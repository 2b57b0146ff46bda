// The scorer as a function of two files: answers and a submission, both CSV with the id in the first column.
//
// Answers: the id, then one column of values; or one column per class, one-hot; or one column of labels where the
// submission has a column per class; or one column per target. Columns of a submission are joined to the answers by
// name; a single column may have any name, and so may the columns of a metric that fixes their number and order. The
// metric's own domain is enforced, not more: a ROC AUC of decision values is fine here.

import { createReadStream } from 'node:fs';
import { err, ok, type Result } from '../../shared/core/result.ts';
import type { Metric, Rows } from '../core/metrics/metric.ts';
import { findMetric } from '../core/metrics/registry.ts';
import { scoreRows } from '../core/metrics/score.ts';
import { codeTexts, joinTexts } from '../core/metrics/texts.ts';
import { type Refusal, refusal } from '../core/refusal.ts';
import { createIdTable } from './id-table.ts';
import { numbersOf, sortedLabels } from './labels.ts';
import { createSubmissionParser, type SubmissionShape } from './parser.ts';
import { type CsvRecord, createRecordReader, fieldText } from './records.ts';
import { scoreColumns } from './score-columns.ts';

interface FileScore {
  readonly metric: string;
  readonly score: number;
  readonly standardError: number;
  readonly rows: number;
}

/** Longest line of either file: 10,000 columns fit. */
const maxRecordBytes = 1024 * 1024;
const maxFields = 16_384;

/** Scores the submission; the failure is one sentence that names the file. */
export async function scoreFiles(
  metricName: string,
  answersPath: string,
  submissionPath: string,
  columnWeights?: readonly number[],
): Promise<Result<FileScore, string>> {
  const metric = findMetric(metricName);
  if (metric === undefined) throw new RangeError(`unknown metric ${metricName}`);
  if (columnWeights !== undefined && metric.takesColumnWeights !== true) {
    return err(`${metric.name} takes no column weights`);
  }
  const quick = scoreColumns(metric, answersPath, submissionPath);
  if (quick !== undefined) {
    const { value: score, standardError, rows } = quick;
    return ok({ metric: metric.name, score, standardError, rows });
  }
  const answers = await readAnswers(answersPath);
  if (!answers.ok) return err(`${answersPath}: ${answers.error.message}`);
  const header = await readHeader(submissionPath);
  if (!header.ok) return err(`${submissionPath}: ${header.error.message}`);
  const guessed = metric.kind === 'label' && header.value.length === 2 ? await readAnswers(submissionPath) : undefined;
  const truth = truthFor(
    metric,
    answers.value,
    header.value,
    guessed?.ok === true ? (guessed.value.values[0] ?? []) : [],
  );
  if (typeof truth === 'string') return err(truth);
  const ids = distinctTable(answers.value.ids);
  if (ids === undefined) return err(`${answersPath}: an id is there twice`);
  const shape = shapeFor(metric, truth, header.value);
  const parser = createSubmissionParser(shape, ids);
  await feed(submissionPath, (chunk) => parser.push(chunk));
  const prediction = parser.finish();
  if (!prediction.ok)
    return err(`${submissionPath}: ${prediction.error.message.replaceAll('test.csv', 'the answers')}`);
  const predicted = { codes: prediction.value, texts: parser.texts() };
  const rows: Rows = {
    count: ids.size,
    truth: truth.values,
    truthWidth: metric.kind === 'numbers' ? answers.value.columns.length : 1,
    prediction: prediction.value,
    width: shape.predictionColumns.length,
    classCount: truth.classes.length,
    ...(truth.texts === undefined ? {} : joinTexts({ codes: truth.values, texts: truth.texts }, predicted)),
    ...(columnWeights === undefined ? {} : { columnWeights }),
  };
  const scored = scoreRows(metric, rows, 'score');
  if (!scored.ok) return err(scored.error.message);
  return ok({
    metric: metric.name,
    score: scored.value.value,
    standardError: scored.value.standardError,
    rows: ids.size,
  });
}

interface Answers {
  readonly columns: readonly string[];
  readonly ids: readonly string[];
  /** One array of texts a column. */
  readonly values: readonly string[][];
}

async function readAnswers(path: string): Promise<Result<Answers, Refusal>> {
  const columns: string[] = [];
  const ids: string[] = [];
  const values: string[][] = [];
  const onRecord = (record: CsvRecord): Refusal | undefined => {
    if (record.line === 1) {
      for (let field = 1; field < record.count; field += 1) columns.push(fieldText(record, field));
      values.push(...columns.map(() => []));
      return columns.length > 0
        ? undefined
        : refusal('wrongColumns', 'expected an id column and at least one of values', 1);
    }
    if (record.count !== columns.length + 1) {
      return refusal(
        'malformedCsv',
        `line ${record.line} has ${record.count} fields, the header has ${columns.length + 1}`,
      );
    }
    ids.push(fieldText(record, 0));
    values.forEach((column, index) => {
      column.push(fieldText(record, index + 1));
    });
    return;
  };
  const reader = createRecordReader({ maxRecordBytes, maxFields, onRecord });
  await feed(path, (chunk) => reader.push(chunk) === undefined);
  const failure = reader.end();
  if (failure !== undefined) return err(failure);
  if (ids.length === 0) return err(refusal('empty', 'the file has no rows'));
  return ok({ columns, ids, values });
}

/** The submission's columns. */
async function readHeader(path: string): Promise<Result<string[], Refusal>> {
  const names: string[] = [];
  const onRecord = (record: CsvRecord): Refusal | undefined => {
    for (let field = 0; field < record.count; field += 1) names.push(fieldText(record, field));
    // Nothing more is needed: this ends the reading.
    return refusal('empty', '');
  };
  const reader = createRecordReader({ maxRecordBytes, maxFields, onRecord });
  await feed(path, (chunk) => reader.push(chunk) === undefined);
  const failure = reader.end();
  if (names.length >= 2) return ok(names);
  if (names.length === 1) return err(refusal('wrongColumns', 'expected an id column and at least one of values', 1));
  return err(failure ?? refusal('empty', 'the file is empty'));
}

async function feed(path: string, push: (chunk: Buffer) => boolean): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    if (!push(chunk as Buffer)) return;
  }
}

function distinctTable(ids: readonly string[]): ReturnType<typeof createIdTable> | undefined {
  try {
    return createIdTable(ids);
  } catch {
    return;
  }
}

interface Truth {
  readonly values: Float64Array;
  readonly classes: readonly string[];
  /** What `values` are codes of, where the metric takes texts. */
  readonly texts?: readonly string[];
  /** Columns of the submission, where the metric takes several numbers. */
  readonly columns?: readonly string[];
}

/** The answers as the metric takes them, or why they cannot be. */
function truthFor(
  metric: Metric,
  answers: Answers,
  submissionColumns: readonly string[],
  guessed: readonly string[],
): Truth | string {
  const [first = []] = answers.values;
  if (metric.kind === 'numbers') return columnsTruth(metric, answers, submissionColumns.slice(1));
  if (answers.columns.length > 1) return oneHotTruth(metric, answers);
  if (metric.kind === 'number') return numberTruth(metric, answers);
  if (metric.kind === 'text') return textTruth(metric, first);
  const single = submissionColumns.length === 2;
  if (metric.kind === 'probabilities' && !single) {
    const classes = submissionColumns.slice(1);
    return classTruth(first, classes, 'has no column in the submission');
  }
  const classes = sortedLabels([...first, ...fittingLabels(first, guessed)]);
  if (metric.kind === 'label' && metric.binary !== true) return { values: indexesOf(first, classes), classes };
  if (!first.every((text) => text === '0' || text === '1' || text === '0.0' || text === '1.0')) {
    return `the answers of a binary ${metric.name} must be 0 or 1`;
  }
  return { values: numbersOf(first), classes: ['0', '1'] };
}

/** Answers as numbers row by row. */
function numberTruth(metric: Metric, answers: Answers): Truth | string {
  const width = answers.columns.length;
  const values = new Float64Array(answers.ids.length * width);
  for (const [column, texts] of answers.values.entries()) {
    for (const [row, value] of numbersOf(texts).entries()) {
      const where = `the answer ${JSON.stringify(texts[row])} on line ${row + 2}`;
      if (Number.isNaN(value)) return `${where} is not a number, and ${metric.name} takes numbers`;
      const problem = metric.truthProblem?.(value);
      if (problem !== undefined) return `${where} ${problem}: ${metric.name} takes no other`;
      values[row * width + column] = value;
    }
  }
  return { values, classes: [] };
}

function columnsTruth(metric: Metric, answers: Answers, submitted: readonly string[]): Truth | string {
  const truth = numberTruth(metric, answers);
  if (typeof truth === 'string') return truth;
  const { columns } = metric;
  const found = answers.columns.length;
  if (columns !== undefined && columns.truth !== found) {
    return `${metric.name} takes ${columns.truth} ${columns.truth === 1 ? 'column' : 'columns'} of answers, and there are ${found}`;
  }
  if (columns !== undefined && columns.prediction !== submitted.length) {
    return `${metric.name} takes ${columns.prediction} columns of predictions, and there are ${submitted.length}`;
  }
  const inOrder = columns !== undefined || (found === 1 && submitted.length === 1);
  return { ...truth, columns: inOrder && !sameNames(answers.columns, submitted) ? submitted : answers.columns };
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}

function textTruth(metric: Metric, texts: readonly string[]): Truth | string {
  for (const [row, text] of texts.entries()) {
    const problem = metric.textProblem?.(text);
    if (problem !== undefined) return `the answer on line ${row + 2} ${problem}`;
  }
  const coded = codeTexts(texts);
  return { values: coded.codes, classes: [], texts: coded.texts };
}

function classTruth(labels: readonly string[], classes: readonly string[], lack: string): Truth | string {
  const values = indexesOf(labels, classes);
  const row = values.indexOf(-1);
  return row < 0
    ? { values, classes }
    : `the label ${JSON.stringify(labels[row])} on line ${row + 2} of the answers ${lack}`;
}

function indexesOf(labels: readonly string[], classes: readonly string[]): Float64Array {
  const indexes = new Map(classes.map((label, index) => [label, index]));
  return Float64Array.from(labels, (label) => indexes.get(label) ?? -1);
}

/** Labels that only the submission has: wrong ones, but labels like those of the answers. */
function fittingLabels(labels: readonly string[], guessed: readonly string[]): string[] {
  const known = new Set(labels);
  const numeric = !numbersOf([...known]).some(Number.isNaN);
  const unknown = [...new Set(guessed)].filter((label) => label !== '' && !known.has(label));
  if (!numeric) return unknown;
  const values = new Set(numbersOf([...known]));
  return unknown.filter((label) => {
    const [value = Number.NaN] = numbersOf([label]);
    return !Number.isNaN(value) && !values.has(value);
  });
}

function oneHotTruth(metric: Metric, answers: Answers): Truth | string {
  if (metric.kind !== 'probabilities') {
    return `${metric.name} takes one column of answers, and there are ${answers.columns.length}`;
  }
  const columns = answers.values.map(numbersOf);
  const values = new Float64Array(answers.ids.length);
  for (let row = 0; row < values.length; row += 1) {
    const ones = columns.flatMap((column, index) => (column[row] === 1 ? [index] : []));
    const zeros = columns.filter((column) => column[row] === 0).length;
    if (ones.length !== 1 || zeros !== columns.length - 1) return `line ${row + 2} of the answers is not one-hot`;
    values[row] = ones[0] ?? 0;
  }
  return { values, classes: answers.columns };
}

function shapeFor(metric: Metric, truth: Truth, header: readonly string[]): SubmissionShape {
  const [idColumn = '', ...rest] = header;
  const wide = metric.kind === 'probabilities' && rest.length > 1;
  return {
    idColumn,
    // A wrong set of class columns is told by the parser, which knows the expected ones; one column may have any name.
    predictionColumns:
      truth.columns ??
      (wide || (truth.classes.length > 2 && metric.kind === 'probabilities') ? truth.classes : rest.slice(0, 1)),
    kind: metric.kind,
    classes: truth.classes,
    ...(metric.domain === undefined ? {} : { range: metric.domain }),
    ...(metric.columnDomains === undefined ? {} : { columnRanges: metric.columnDomains }),
    ...(metric.textProblem === undefined ? {} : { textProblem: metric.textProblem }),
    sharesOfOne: metric.sharesOfOne === true,
    needsVariation: metric.needsVariation === true,
    metric: metric.name,
  };
}
