// Reads one submission as a stream: checks it against what the task asks for and gives the predictions in the order of
// test.csv. Columns and rows may come in any order, because both are joined by name.
//
// Memory: one line and one number a row and column. Messages depend on the file and on public facts alone.
// Log loss: a row of probabilities must sum to 1 within 1e-3; what is left of the difference is divided away when it is
// scored, as scikit-learn does.

import { err, ok, type Result } from '../../shared/core/result.ts';
import type { PredictionKind, Range } from '../core/metrics/metric.ts';
import { type CodedTexts, codeTexts } from '../core/metrics/texts.ts';
import { quoted, type Refusal, refusal } from '../core/refusal.ts';
import { parseDecimal } from './decimal.ts';
import { createIdTable, type IdTable } from './id-table.ts';
import { createJoin, type Join, type Misfit } from './join.ts';
import { type CsvRecord, createRecordReader, fieldText } from './records.ts';

/** What a submission must look like. */
export interface SubmissionShape {
  readonly idColumn: string;
  /** In the order of the predictions. */
  readonly predictionColumns: readonly string[];
  readonly kind: PredictionKind;
  /** The labels, where the kind is `label`. */
  readonly classes: readonly string[];
  readonly range?: Range;
  /** Of each prediction column, where they differ. */
  readonly columnRanges?: readonly Range[];
  /** True where the values of a row are shares of 1. */
  readonly sharesOfOne?: boolean;
  /** What a text lacks, where the kind is `text`; a phrase that starts with "must". */
  readonly textProblem?: (text: string) => string | undefined;
  /** True where constant predictions have no score. */
  readonly needsVariation: boolean;
  readonly metric: string;
}

export interface SubmissionParser {
  /** Takes the next bytes; false as soon as the file is known to be refused. */
  push(chunk: Buffer): boolean;
  /** The predictions, row-major in the order of the ids, or why there are none. */
  finish(): Result<Float64Array, Refusal>;
  /** The texts that the predictions are codes of, where the kind is `text`; after `finish`. */
  texts(): readonly string[];
}

/** Beyond this no metric of ours stays finite, and no sane prediction lies there. */
const largestNumber = 1e100;
const sumTolerance = 1e-3;
/** Generous for a number with its comma. */
const bytesPerValue = 64;
const bytesPerId = 128;
/** Longest text of one row: the run-length mask of a large image. */
const bytesPerText = 1024 * 1024;
/** Most bytes of a submission of texts. They are held until it is scored and stored: so many take half a gigabyte of memory. */
const mostTextBytes = 64 * 1024 * 1024;

/** Most bytes that a submission of this shape can need. */
export function submissionLimit(shape: SubmissionShape, rows: number): number {
  const most = recordLimit(shape) + rows * (bytesPerId + valueBytes(shape) * shape.predictionColumns.length);
  return shape.kind === 'text' ? Math.min(most, mostTextBytes) : most;
}

function valueBytes(shape: SubmissionShape): number {
  if (shape.kind === 'text') return bytesPerText;
  return shape.classes.reduce((most, label) => Math.max(most, Buffer.byteLength(label) * 2 + 3), bytesPerValue);
}

function recordLimit(shape: SubmissionShape): number {
  const header = [shape.idColumn, ...shape.predictionColumns].reduce((sum, name) => sum + name.length * 8 + 3, 0);
  return 1024 + Math.max(header, bytesPerId + valueBytes(shape) * shape.predictionColumns.length) * 2;
}

/** A parser for one submission. */
export function createSubmissionParser(shape: SubmissionShape, ids: IdTable): SubmissionParser {
  const width = shape.predictionColumns.length;
  const limit = submissionLimit(shape, ids.size);
  const join = createJoin(ids, width, recordLimit(shape));
  const texts: string[] = [];
  const readValues = valueReader(shape, join.values, texts);
  let coded: CodedTexts | undefined;
  let columns: Columns | undefined;
  let bytes = 0;
  let failure: Refusal | undefined;

  const flush = (): Refusal | undefined => {
    const misfit = join.flush();
    return misfit === undefined ? undefined : wrongId(misfit, shape);
  };
  const onRecord = (record: CsvRecord): Refusal | undefined => {
    if (columns === undefined) {
      const read = readHeader(record, shape);
      if (!read.ok) return read.error;
      columns = read.value;
      return;
    }
    if (record.count !== width + 1) return flush() ?? raggedRow(record, width + 1);
    const start = record.starts[columns.id] ?? 0;
    const end = record.ends[columns.id] ?? 0;
    if (join.isFull(end - start)) {
      const refused = flush();
      if (refused !== undefined) return refused;
    }
    const refused = readValues(record, columns, join.take(record.bytes, start, end, record.line));
    // What is wrong with an earlier row, or with this one's id, comes first.
    return refused === undefined ? undefined : (flush() ?? refused);
  };
  const reader = createRecordReader({ maxRecordBytes: recordLimit(shape), maxFields: width + 64, onRecord });
  return {
    push(chunk) {
      bytes += chunk.length;
      failure ??= reader.push(chunk);
      if (bytes > limit)
        failure ??= refusal('tooLarge', `the file is larger than ${limit} bytes, the most that it can need`);
      return failure === undefined;
    },
    finish() {
      failure ??= reader.end() ?? flush();
      if (failure === undefined && join.rows === 0) failure = emptyFile(columns !== undefined);
      if (failure === undefined && join.rows < ids.size) failure = missingIds(ids, join, width);
      if (failure === undefined && shape.needsVariation && hasConstantColumn(join.joined, width))
        failure = constantFile(shape);
      if (failure !== undefined) return err(failure);
      if (shape.kind !== 'text') return ok(join.joined);
      coded = codeTexts(Array.from(join.joined, (order) => texts[order] ?? ''));
      return ok(coded.codes);
    },
    texts: () => coded?.texts ?? [],
  };
}

interface Columns {
  readonly id: number;
  /** Field of each prediction column. */
  readonly values: readonly number[];
}

function readHeader(record: CsvRecord, shape: SubmissionShape): Result<Columns, Refusal> {
  const expected = [shape.idColumn, ...shape.predictionColumns];
  const names = Array.from({ length: record.count }, (_, field) => fieldText(record, field));
  const found = new Map<string, number>();
  const wrong = (what: string): Result<Columns, Refusal> =>
    err(refusal('wrongColumns', `${what}; expected the columns ${listed(expected)}`, 1));
  for (const [field, name] of names.entries()) {
    if (found.has(name)) return wrong(`the column ${quoted(name)} is there twice`);
    found.set(name, field);
  }
  const missing = expected.filter((name) => !found.has(name));
  if (missing.length > 0) return wrong(`missing ${missing.length === 1 ? 'column' : 'columns'} ${listed(missing)}`);
  const unknown = names.filter((name) => !expected.includes(name));
  if (unknown.length > 0) return wrong(`unknown ${unknown.length === 1 ? 'column' : 'columns'} ${listed(unknown)}`);
  return ok({
    id: found.get(shape.idColumn) ?? -1,
    values: shape.predictionColumns.map((name) => found.get(name) ?? -1),
  });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12).map(quoted).join(', ');
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown;
}

/** Reads a row's values to where `target` says. */
type ValueReader = (record: CsvRecord, columns: Columns, target: number) => Refusal | undefined;

function valueReader(shape: SubmissionShape, predictions: Float64Array, texts: string[]): ValueReader {
  if (shape.kind === 'text') return textReader(shape, predictions, texts);
  return shape.kind === 'label' ? labelReader(shape, predictions) : numberReader(shape, predictions);
}

function numberReader(shape: SubmissionShape, predictions: Float64Array): ValueReader {
  const width = shape.predictionColumns.length;
  const bounds = shape.predictionColumns.map((_, column) => {
    const range = shape.columnRanges?.[column] ?? shape.range;
    return { low: range?.low ?? -largestNumber, high: Math.min(range?.high ?? largestNumber, largestNumber) };
  });
  const lows = Float64Array.from(bounds, ({ low }) => low);
  const highs = Float64Array.from(bounds, ({ high }) => high);
  const sumsToOne = shape.sharesOfOne === true || (shape.kind === 'probabilities' && width > 1);
  const what = shape.kind === 'probabilities' ? 'probabilities' : 'shares';
  return (record, columns, target) => {
    let sum = 0;
    for (let column = 0; column < width; column += 1) {
      const field = columns.values[column] ?? 0;
      const value = parseDecimal(record.bytes, record.starts[field] ?? 0, record.ends[field] ?? 0);
      const low = lows[column] ?? Number.NaN;
      const high = highs[column] ?? Number.NaN;
      if (!(value >= low && value <= high)) return wrongNumber(record, field, shape, column, { value, low, high });
      predictions[target + column] = value;
      sum += value;
    }
    if (!sumsToOne || Math.abs(sum - 1) <= sumTolerance) return;
    const told = `the ${what} on line ${record.line} sum to ${sum}, not to 1 within ${sumTolerance}`;
    return refusal('outOfRange', told, record.line);
  };
}

function wrongNumber(
  record: CsvRecord,
  field: number,
  shape: SubmissionShape,
  column: number,
  read: { value: number; low: number; high: number },
): Refusal {
  const where = `column ${quoted(shape.predictionColumns[column] ?? '')} on line ${record.line}`;
  const text = quoted(fieldText(record, field));
  if (Number.isNaN(read.value)) {
    return refusal('invalidValue', `${where} is ${text}, not a finite decimal number such as 0.25`, record.line);
  }
  return refusal('outOfRange', `${where} is ${text}, outside of ${read.low} to ${read.high}`, record.line);
}

/** Keeps each text, and its number in the order of reading as the value. */
function textReader(shape: SubmissionShape, predictions: Float64Array, texts: string[]): ValueReader {
  return (record, columns, target) => {
    for (const [column, field] of columns.values.entries()) {
      const text = fieldText(record, field);
      const problem = shape.textProblem?.(text);
      predictions[target + column] = texts.length;
      texts.push(text);
      if (problem === undefined) continue;
      const where = `column ${quoted(shape.predictionColumns[column] ?? '')} on line ${record.line}`;
      return refusal('invalidValue', `${where} is ${quoted(text)} and ${problem}`, record.line);
    }
    return;
  };
}

function labelReader(shape: SubmissionShape, predictions: Float64Array): ValueReader {
  const byText = createIdTable(shape.classes);
  const numeric = new Map<number, number>();
  for (const [index, label] of shape.classes.entries()) {
    const bytes = Buffer.from(label);
    numeric.set(parseDecimal(bytes, 0, bytes.length), index);
  }
  // Programs that predict whole numbers often write 3.0 for the label 3.
  const byNumber = numeric.size === shape.classes.length && !numeric.has(Number.NaN) ? numeric : undefined;
  return (record, columns, target) => {
    const field = columns.values[0] ?? 0;
    const start = record.starts[field] ?? 0;
    const end = record.ends[field] ?? 0;
    const found = byText.find(record.bytes, start, end);
    const index = found >= 0 ? found : byNumber?.get(parseDecimal(record.bytes, start, end));
    if (index !== undefined) {
      predictions[target] = index;
      return;
    }
    const where = `column ${quoted(shape.predictionColumns[0] ?? '')} on line ${record.line}`;
    return refusal(
      'invalidValue',
      `${where} is ${quoted(fieldText(record, field))}, not one of the labels ${listed(shape.classes)}`,
      record.line,
    );
  };
}

function raggedRow(record: CsvRecord, expected: number): Refusal {
  const fields = `${record.count} ${record.count === 1 ? 'field' : 'fields'}`;
  return refusal('malformedCsv', `line ${record.line} has ${fields}, the header has ${expected}`, record.line);
}

function wrongId({ id, line, repeated }: Misfit, shape: SubmissionShape): Refusal {
  const told = quoted(id);
  if (repeated) return refusal('duplicateId', `the id ${told} on line ${line} is there a second time`, line);
  return refusal('unknownId', `the ${shape.idColumn} ${told} on line ${line} is not in test.csv`, line);
}

function emptyFile(hasHeader: boolean): Refusal {
  return hasHeader
    ? refusal('empty', 'the file has a header and no rows; write one row for each id of test.csv')
    : refusal('empty', 'the file is empty; write a header and one row for each id of test.csv');
}

function missingIds(ids: IdTable, join: Join, width: number): Refusal {
  const first = ids.idAt(Math.floor(join.joined.findIndex(Number.isNaN) / width));
  return refusal(
    'missingId',
    `${ids.size - join.rows} of ${ids.size} ids of test.csv have no row, the first is ${quoted(first)}`,
  );
}

function constantFile(shape: SubmissionShape): Refusal {
  const which = shape.predictionColumns.length > 1 ? 'all predictions of a column' : 'all predictions';
  return refusal('invalidValue', `${which} are the same; ${shape.metric} has no value for them`);
}

function hasConstantColumn(predictions: Float64Array, width: number): boolean {
  for (let column = 0; column < width; column += 1) {
    let at = column;
    while (at < predictions.length && predictions[at] === predictions[column]) at += width;
    if (at >= predictions.length) return true;
  }
  return false;
}
