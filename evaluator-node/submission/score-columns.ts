// The scorer for the common case: answers of an id and one column, a submission of an id and one column. Both files are
// read in one pass each, over their bytes, without a string a row: a million rows take about half a second and 150 MB.
//
// Leaves every doubt to score-files.ts: what is not plainly right here is read again there, where sentences are made.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Metric } from '../core/metrics/metric.ts';
import { scoreRows } from '../core/metrics/score.ts';
import { type Refusal, refusal } from '../core/refusal.ts';
import { parseDecimal } from './decimal.ts';
import { buildIdTable, type IdTable } from './id-table.ts';
import { sortedLabels } from './labels.ts';
import { createSubmissionParser } from './parser.ts';
import { type CsvRecord, createRecordReader, fieldText } from './records.ts';

interface ColumnScore {
  readonly value: number;
  readonly standardError: number;
  readonly rows: number;
}

/** Fits a processor's second-level cache. */
const readBytes = 256 * 1024;
const maxRecordBytes = 64 * 1024;
const dot = 46;
/** Kinds whose submission may be one column. */
const columnKinds: ReadonlySet<string> = new Set(['number', 'probability', 'probabilities', 'label']);

/** The score, or undefined where the files are not such columns or not in order. */
export function scoreColumns(metric: Metric, answersPath: string, submissionPath: string): ColumnScore | undefined {
  if (!columnKinds.has(metric.kind) || metric.binary === true) return;
  const header = headerOf(submissionPath);
  if (header?.length !== 2) return;
  const answers = readColumn(answersPath, metric);
  if (answers === undefined) return;
  const [idColumn = '', column = ''] = header;
  const { ids, truth, classes } = answers;
  const shape = {
    idColumn,
    predictionColumns: [column],
    kind: metric.kind,
    classes,
    ...(metric.domain === undefined ? {} : { range: metric.domain }),
    needsVariation: metric.needsVariation === true,
    metric: metric.name,
  };
  const parser = createSubmissionParser(shape, ids);
  readFile(submissionPath, (chunk) => parser.push(chunk));
  const prediction = parser.finish();
  if (!prediction.ok) return;
  const rows = { count: ids.size, truth, prediction: prediction.value, width: 1, classCount: classes.length };
  const scored = scoreRows(metric, rows, 'score');
  return scored.ok ? { ...scored.value, rows: ids.size } : undefined;
}

/** Hands the file over in pieces, in memory that is used again, until `take` says that it has enough. */
function readFile(path: string, take: (chunk: Buffer) => boolean): void {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(readBytes);
    for (let bytes = readSync(file, buffer); bytes > 0; bytes = readSync(file, buffer)) {
      if (!take(bytes === readBytes ? buffer : buffer.subarray(0, bytes))) return;
    }
  } finally {
    closeSync(file);
  }
}

function headerOf(path: string): string[] | undefined {
  let names: string[] | undefined;
  const onRecord = (record: CsvRecord): Refusal => {
    names = Array.from({ length: record.count }, (_, field) => fieldText(record, field));
    return enough;
  };
  const reader = createRecordReader({ maxRecordBytes, maxFields: 8, onRecord });
  readFile(path, (chunk) => reader.push(chunk) === undefined);
  if (names === undefined) reader.end();
  return names;
}

/** Ends a reading; never shown. */
const enough = refusal('empty', '');

interface Column {
  readonly ids: IdTable;
  readonly truth: Float64Array;
  readonly classes: readonly string[];
}

/** Reads the answers, or gives up on them. */
function readColumn(path: string, metric: Metric): Column | undefined {
  const column = growingColumn(sizeOf(path));
  const isLabel = metric.kind === 'label';
  const isNumber = metric.kind === 'number';
  const codes = labelCodes();
  const onRecord = (record: CsvRecord): Refusal | undefined => {
    if (record.count !== 2) return enough;
    if (record.line === 1) return;
    const { bytes, starts, ends } = record;
    const start = starts[1] ?? 0;
    const end = ends[1] ?? 0;
    const value = isLabel ? codes.codeOf(bytes, start, end) : parseDecimal(bytes, start, end);
    if (Number.isNaN(value) || !(isLabel || isNumber || isBit(value, bytes, start, end))) return enough;
    column.add(bytes, starts[0] ?? 0, ends[0] ?? 0, value);
    return;
  };
  const reader = createRecordReader({ maxRecordBytes, maxFields: 8, onRecord });
  readFile(path, (chunk) => reader.push(chunk) === undefined);
  if (reader.end() !== undefined) return;
  const { keys, offsets, values, size } = column.finish();
  const ids = size === 0 ? 0 : buildIdTable(keys, offsets, size);
  if (typeof ids === 'number') return;
  if (!isLabel) return { ids, truth: values, classes: isNumber ? [] : ['0', '1'] };
  const classes = sortedLabels(codes.labels());
  const indexes = codes.labels().map((label) => classes.indexOf(label));
  return { ids, truth: values.map((code) => indexes[code] ?? -1), classes };
}

function sizeOf(path: string): number {
  const file = openSync(path, 'r');
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

/** 0, 1, 0.0 or 1.0. */
function isBit(value: number, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  return (value === 0 || value === 1) && (length === 1 || (length === 3 && bytes[start + 1] === dot));
}

/** Fewest bytes that a row is thought to have, for the first size of its arrays. */
const likelyRowBytes = 12;

function growingColumn(fileBytes: number) {
  // The ids of a file are never longer than the file, so their block needs no growing.
  const keys = new Uint8Array(fileBytes);
  let offsets = new Uint32Array(Math.ceil(fileBytes / likelyRowBytes) + 2);
  let values = new Float64Array(offsets.length);
  let size = 0;
  let used = 0;
  return {
    add(bytes: Buffer, start: number, end: number, value: number): void {
      if (size + 1 === offsets.length) {
        offsets = grown(offsets, new Uint32Array(offsets.length * 2));
        values = grown(values, new Float64Array(offsets.length * 2));
      }
      for (let at = start; at < end; at += 1, used += 1) keys[used] = bytes[at] ?? 0;
      values[size] = value;
      size += 1;
      offsets[size] = used;
    },
    finish: () => ({ keys, offsets, values: values.slice(0, size), size }),
  };
}

function grown<Values extends Uint32Array | Float64Array>(old: Values, larger: Values): Values {
  larger.set(old);
  return larger;
}

/** Most distinct labels of the quick way; a task of more classes is no classification. */
const mostLabels = 10_000;

/** Numbers labels in the order in which they are seen; NaN where there are too many. */
function labelCodes() {
  const codes = new Map<string, number>();
  // Labels of up to three bytes, as most are, are found without a string.
  const short = new Map<number, number>();
  return {
    labels: () => [...codes.keys()],
    codeOf(bytes: Buffer, start: number, end: number): number {
      const length = end - start;
      const key =
        length > 3
          ? -1
          : (length << 24) | ((bytes[start] ?? 0) << 16) | ((bytes[start + 1] ?? 0) << 8) | (bytes[start + 2] ?? 0);
      const masked = length === 3 ? key : length === 2 ? key & ~0xff : key & ~0xffff;
      const found = key < 0 ? undefined : short.get(masked);
      if (found !== undefined) return found;
      const label = bytes.toString('utf8', start, end);
      const code = codes.get(label) ?? codes.size;
      if (code >= mostLabels) return Number.NaN;
      codes.set(label, code);
      if (key >= 0) short.set(masked, code);
      return code;
    },
  };
}
