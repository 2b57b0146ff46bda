// The bundle of a sealed run's last execution: the public bundle with the hidden labels in train.csv, and the official test
// rows alone in test.csv. Built from what the vault holds, under the same opaque ids.
//
// Columns that only train.csv has stay empty in the rows that were hidden: the vault does not hold them. Numbers are written
// in the shortest form that reads back the same.

import { packFiles, readTree, type TreeFile } from '../../shared/store/tree.ts';
import { csvText } from '../core/csv-text.ts';
import type { TaskDescription } from '../core/task.ts';
import { splitCodes } from '../vault/hidden-labels.ts';
import type { HiddenRows } from '../vault/vault.ts';
import { descriptionFile, sampleFile, testFile, trainFile } from './folder.ts';
import { readTable, type Table } from './table.ts';

/** The tar of the refit bundle; equal input gives equal bytes. */
export async function buildRefitBundle(tar: Buffer, task: TaskDescription, hidden: HiddenRows): Promise<Buffer> {
  const files = await readTree(tar);
  const table = async (name: string): Promise<Table> => {
    const found = files.find((file) => file.path === name);
    const read = found === undefined ? undefined : await readTable(name, found.bytes);
    if (read?.ok !== true) throw new Error(`the bundle of ${task.name} has no ${name} that can be read`);
    return read.value;
  };
  const [train, test, sample] = await Promise.all([trainFile, testFile, sampleFile].map(table));
  if (train === undefined || test === undefined || sample === undefined) throw new Error('a table was not read');
  const official = new Set(hidden.official.map(({ row }) => hidden.ids[row]));
  const rows = [...train.rows, ...labelledRows(train, test, task, hidden)].sort(byId);
  const replaced = new Map([
    [trainFile, csvText([train.columns, ...rows])],
    [testFile, csvText([test.columns, ...test.rows.filter(([id]) => official.has(id ?? ''))])],
    [sampleFile, csvText([sample.columns, ...sample.rows.filter(([id]) => official.has(id ?? ''))])],
  ]);
  const note = `\nThis is the last execution of a sealed run: ${trainFile} has all ${rows.length} labelled rows, ${testFile} the ${official.size} official test rows.\n`;
  return await packFiles(files.map((file) => refitFile(file, replaced, note)));
}

function refitFile(file: TreeFile, replaced: ReadonlyMap<string, string>, note: string): TreeFile {
  const text = replaced.get(file.path);
  if (text !== undefined) return { ...file, bytes: Buffer.from(text) };
  return file.path === descriptionFile ? { ...file, bytes: Buffer.concat([file.bytes, Buffer.from(note)]) } : file;
}

/** Ids are opaque, so their order says nothing. */
function byId([left = '']: readonly string[], [right = '']: readonly string[]): number {
  return left < right ? -1 : 1;
}

/** The search and validation rows as rows of train.csv. */
function labelledRows(train: Table, test: Table, task: TaskDescription, hidden: HiddenRows): string[][] {
  const featuresOf = new Map(test.rows.map((row) => [row[0] ?? '', row]));
  const targets = task.targetColumns ?? [task.targetColumn];
  return hidden.ids.flatMap((id, row) => {
    if (splitCodes[hidden.splits[row] ?? 2] === 'test') return [];
    const features = featuresOf.get(id) ?? [];
    const labels = labelsOf(task, targets, hidden, row);
    return [train.columns.map((column) => labels.get(column) ?? features[test.columns.indexOf(column)] ?? '')];
  });
}

/** The label of each target column, as text. */
function labelsOf(
  task: TaskDescription,
  targets: readonly string[],
  { truth, texts, ids }: HiddenRows,
  row: number,
): Map<string, string> {
  const width = truth.length / ids.length;
  const names = texts ?? (task.kind === 'number' || task.kind === 'numbers' ? undefined : task.classes);
  const text = (value = Number.NaN): string => (names === undefined ? String(value) : (names[value] ?? ''));
  const told = Array.from(truth.subarray(row * width, (row + 1) * width), text);
  // Several columns of 0 and 1 tell one class.
  if (told.length < targets.length) return new Map(targets.map((name) => [name, name === told[0] ? '1' : '0']));
  return new Map(targets.map((name, index) => [name, told[index] ?? '']));
}
