// Reads a table of a task folder whole, with the line of every record: CSV, TSV, JSON lines, a JSON list of objects or Parquet,
// told apart by the file's ending. The only door to csv-parse.

import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { readParquet } from './parquet.ts';
import { firstOf, type Problem } from './problem.ts';
import { separatorProblem } from './separator.ts';

/** Endings of files that can be tables, the likeliest first. */
export const tableEndings = ['csv', 'tsv', 'jsonl', 'json', 'parquet'];

export interface Table {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Line on which each row ends, from 1; the number of the row where the file has no lines. */
  readonly lines: readonly number[];
}

/** Values of one column; the column must be there. */
export function columnOf(table: Table, name: string): string[] {
  const index = table.columns.indexOf(name);
  if (index < 0) throw new RangeError(`${table.file} has no column ${name}`);
  return table.rows.map((row) => row[index] ?? '');
}

/** Longest field; what is longer is a quote that nobody closed, or content that belongs into a file of its own. */
const longestField = 16 * 1024 * 1024;

/** As much of a file is looked at to tell how it is separated. */
const longestHeader = 2 ** 20;

/** Parses the bytes of a table. */
export async function readTable(file: string, bytes: Buffer): Promise<Result<Table, Problem[]>> {
  const table = await parseTable(file, bytes);
  if (!table.ok) return table;
  const long = longFields(table.value);
  return long.length > 0 ? err(firstOf(long)) : table;
}

function longFields({ file, columns, rows, lines }: Table): Problem[] {
  const problems: Problem[] = [];
  for (const [index, row] of rows.entries()) {
    const column = row.findIndex((field) => field.length > longestField);
    if (column < 0) continue;
    const name = JSON.stringify(columns[column] ?? '');
    const message = `the field of column ${name} has ${row[column]?.length} characters, and ${longestField} is the most`;
    const remedy = 'Close the quote that is open there, or put such content into files that a column names (media)';
    problems.push({ file, line: lines[index] ?? 0, message, remedy });
  }
  return problems;
}

async function parseTable(file: string, bytes: Buffer): Promise<Result<Table, Problem[]>> {
  if (/\.parquet$/i.test(file)) return readColumns(file, bytes);
  const unreadable = textProblem(file, bytes);
  if (unreadable !== undefined) return err([unreadable]);
  if (/\.jsonl?$/i.test(file)) return readObjects(file, bytes.toString('utf8'));
  const separator = /\.tsv$/i.test(file) ? '\t' : ',';
  const other = separatorProblem(file, bytes.toString('utf8', 0, longestHeader), separator);
  return other === undefined ? readDelimited(file, bytes, separator) : err([other]);
}

async function readColumns(file: string, bytes: Buffer): Promise<Result<Table, Problem[]>> {
  if (bytes.length === 0) return err([emptyProblem(file)]);
  const read = await readParquet(file, bytes);
  if (!read.ok) return read;
  const { columns, rows } = read.value;
  const problems = columns.length === 0 ? [emptyProblem(file)] : columnProblems(file, columns);
  return problems.length > 0 ? err(problems) : ok({ file, columns, rows, lines: rows.map((_, row) => row + 1) });
}

function readDelimited(file: string, bytes: Buffer, delimiter: string): Result<Table, Problem[]> {
  let records: { record: string[]; info: { lines: number } }[];
  try {
    records = parse(bytes, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as typeof records;
  } catch (error) {
    return err([csvProblem(file, error)]);
  }
  const [header, ...body] = records;
  if (header === undefined) return err([emptyProblem(file)]);
  const columns = header.record;
  const problems: Problem[] = columnProblems(file, columns);
  const ragged = body
    .filter(({ record }) => record.length !== columns.length)
    .map(({ record, info }) => ({
      file,
      line: info.lines,
      message: `this row has ${record.length} fields, the header has ${columns.length}`,
      remedy: 'Give every row as many fields as the header; put fields with commas or line breaks in quotes',
    }));
  problems.push(...firstOf(ragged));
  if (problems.length > 0) return err(problems);
  return ok({ file, columns, rows: body.map(({ record }) => record), lines: body.map(({ info }) => info.lines) });
}

/** One object a line, or a list of objects; columns in the order in which they first appear. */
function readObjects(file: string, text: string): Result<Table, Problem[]> {
  const read = /\.json$/i.test(file) ? listOfObjects(file, text) : lineObjects(file, text);
  if (!read.ok) return read;
  const columns = [...new Set(read.value.flatMap(({ object }) => Object.keys(object)))];
  const problems = columns.length === 0 ? [emptyProblem(file)] : columnProblems(file, columns);
  if (problems.length > 0) return err(problems);
  return ok({
    file,
    columns,
    rows: read.value.map(({ object }) => columns.map((column) => fieldText(object[column]))),
    lines: read.value.map(({ line }) => line),
  });
}

interface LineObject {
  readonly object: Record<string, unknown>;
  readonly line: number;
}

function lineObjects(file: string, text: string): Result<LineObject[], Problem[]> {
  const objects: LineObject[] = [];
  const problems: Problem[] = [];
  for (const [index, each] of text.split('\n').entries()) {
    if (each.trim() === '') continue;
    const object = objectOf(each);
    if (object === undefined) {
      const message = 'this line is not a JSON object';
      problems.push({ file, line: index + 1, message, remedy: 'Write one object a line' });
    } else objects.push({ object, line: index + 1 });
  }
  return problems.length > 0 ? err(firstOf(problems)) : ok(objects);
}

function listOfObjects(file: string, text: string): Result<LineObject[], Problem[]> {
  const list = parsed(text);
  if (Array.isArray(list) && list.every((each) => typeof each === 'object' && each !== null)) {
    return ok(list.map((object: Record<string, unknown>, index) => ({ object, line: index + 1 })));
  }
  return err([{ file, message: 'it is not a JSON list of objects', remedy: 'Write a list with one object a row' }]);
}

function objectOf(text: string): Record<string, unknown> | undefined {
  const value = parsed(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return;
  }
}

/** A value as a field of CSV: texts as they are, nothing for null, lists and objects as JSON. */
function fieldText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function emptyProblem(file: string): Problem {
  return { file, message: 'the file is empty; expected a table with a header', remedy: 'Write the file again' };
}

function textProblem(file: string, bytes: Buffer): Problem | undefined {
  if (bytes.length === 0) return emptyProblem(file);
  if (bytes.includes(0) || !isUtf8(bytes)) {
    const message = 'this is a binary file or not UTF-8; expected a table as UTF-8 text';
    return { file, message, remedy: 'Unpack it, or save it again as UTF-8' };
  }
  return;
}

function csvProblem(file: string, error: unknown): Problem {
  const line = error instanceof CsvError && typeof error['lines'] === 'number' ? error['lines'] : undefined;
  const reason = error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
  const problem = { file, message: `not well-formed CSV: ${reason}`, remedy: 'Quote fields as RFC 4180 says' };
  return line === undefined ? problem : { ...problem, line };
}

function columnProblems(file: string, columns: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  columns.forEach((column, index) => {
    if (column.trim() === '') {
      const message = `column ${index + 1} has no name`;
      problems.push({
        file,
        line: 1,
        message,
        remedy: 'Name it, or remove it (an index column of pandas: index=False)',
      });
    } else if (seen.has(column)) {
      problems.push({
        file,
        line: 1,
        message: `the column ${JSON.stringify(column)} is there twice`,
        remedy: 'Rename one',
      });
    }
    seen.add(column);
  });
  return problems;
}
