// `task init`: which column names files, and in which folders they lie, where a folder tells that by itself.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskLayout } from './layout.ts';
import { fileNamesIn } from './media.ts';
import { columnOf, readTable, type Table } from './table.ts';

/** `media` of a task.yaml; without `test` where both kinds of rows have one folder. */
interface GuessedMedia {
  readonly column: string;
  readonly train: string;
  readonly test?: string;
}

type Folder = readonly [name: string, files: ReadonlyMap<string, string>];

/**
 * The first column, the id before others, of which every value names a file of one folder. Undefined where there is none, or
 * where a table cannot be read, which whoever checks the folder says.
 */
export async function guessMedia(
  directory: string,
  layout: TaskLayout,
  id: string | undefined,
): Promise<GuessedMedia | undefined> {
  const folders = await foldersIn(join(directory, layout.publicFolder));
  if (folders.length === 0) return;
  const train = await tableIn(directory, layout.train);
  const sample = await tableIn(directory, layout.sample);
  const test = (await tableIn(directory, layout.test)) ?? sample;
  if (train === undefined || sample === undefined || test === undefined) return;
  const idColumn = id ?? sample.columns[0] ?? '';
  const columns = [idColumn, ...(test === sample ? [] : test.columns.filter((column) => column !== idColumn))];
  for (const column of columns) {
    const trainFolder = folderOf(folders, train, column);
    const testFolder = test.rows.length === 0 ? trainFolder : folderOf(folders, test, column);
    if (trainFolder === undefined || testFolder === undefined) continue;
    return { column, train: trainFolder, ...(testFolder === trainFolder ? {} : { test: testFolder }) };
  }
  return;
}

/** The folder that has a file for every row. */
function folderOf(folders: readonly Folder[], table: Table, column: string): string | undefined {
  if (!table.columns.includes(column) || table.rows.length === 0) return;
  const values = columnOf(table, column);
  return folders.find(([, files]) => values.every((value) => files.has(value)))?.[0];
}

async function foldersIn(directory: string): Promise<Folder[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name): Promise<Folder> => [name, await fileNamesIn(join(directory, name))]),
  );
}

async function tableIn(directory: string, file: string): Promise<Table | undefined> {
  const bytes = await readFile(join(directory, file)).catch(() => undefined);
  const table = bytes === undefined ? undefined : await readTable(file, bytes);
  return table?.ok === true ? table.value : undefined;
}
