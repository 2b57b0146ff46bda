// Files that rows refer to by a column: images, sounds, texts. In the bundle they get opaque names and lie in one folder, so
// that neither a name nor the folder tells which split a row belongs to.

import { createHmac } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { isLfsPointer, lfsPointerMessage, lfsPointerRemedy } from '../core/lfs-pointer.ts';
import type { TaskSettings } from '../core/task.ts';
import { firstOf, type Problem } from './problem.ts';
import { settingsFile } from './settings.ts';
import { columnOf, type Table } from './table.ts';

type MediaSettings = NonNullable<TaskSettings['media']>;

export interface Media {
  /** The column whose values are rewritten; the id column means that files are named by the id. */
  readonly column: string;
  /** Folder of the bundle. */
  readonly folder: string;
  /** Of each row of the training and the test table, the file as it was. */
  readonly train: readonly string[];
  readonly test: readonly string[];
  readonly files: ReadonlyMap<string, Buffer>;
  /** When each file was last changed, for the leak linter alone. */
  readonly modifiedMs: ReadonlyMap<string, number>;
  readonly digest: string;
}

/** A bundle is built in memory; what does not fit there needs another way into the sandbox. */
const mostBytes = 512 * 2 ** 20;
const bundleFolder = 'files';

/** Reads every file that a row names, with or without its ending. */
export async function readMedia(
  directory: string,
  settings: MediaSettings,
  train: Table,
  test: Table,
): Promise<Result<Media, Problem[]>> {
  const { column } = settings;
  for (const folder of [settings.train, settings.test]) {
    if (normalize(folder) !== folder || folder.startsWith('..') || folder.startsWith(sep)) {
      const message = `media: ${JSON.stringify(folder)} does not lie in the public folder`;
      return err([{ file: settingsFile, message, remedy: 'Name folders by paths relative to it' }]);
    }
  }
  const files = new Map<string, Buffer>();
  const modifiedMs = new Map<string, number>();
  const problems: Problem[] = [];
  let bytes = 0;
  const readSide = async (table: Table, folder: string): Promise<string[]> => {
    if (!table.columns.includes(column)) {
      const message = `media: the column ${JSON.stringify(column)} is missing`;
      problems.push({
        file: table.file,
        line: 1,
        message,
        remedy: `Add it, or correct media.column in ${settingsFile}`,
      });
      return [];
    }
    const names = await fileNamesIn(join(directory, folder));
    const missing: Problem[] = [];
    const pointers: Problem[] = [];
    const paths: string[] = [];
    for (const [row, value] of columnOf(table, column).entries()) {
      const name = names.get(value);
      if (name === undefined) {
        const message = `there is no file ${JSON.stringify(value)} in ${folder}`;
        const line = table.lines[row] ?? 0;
        missing.push({ file: table.file, line, message, remedy: 'Add the file, or leave the row out' });
        continue;
      }
      const path = `${folder}/${name}`;
      paths.push(path);
      if (files.has(path) || bytes > mostBytes) continue;
      const content = await readFile(join(directory, folder, name));
      bytes += content.length;
      if (isLfsPointer(content)) pointers.push({ file: path, message: lfsPointerMessage, remedy: lfsPointerRemedy });
      files.set(path, content);
      modifiedMs.set(path, (await stat(join(directory, folder, name))).mtimeMs);
    }
    problems.push(...firstOf(missing), ...firstOf(pointers));
    return paths;
  };
  const sides = { train: await readSide(train, settings.train), test: await readSide(test, settings.test) };
  if (bytes > mostBytes) problems.push(tooLarge());
  if (problems.length > 0) return err(problems);
  const digest = sha256(
    [...files]
      .map(([path, content]) => `${path} ${sha256(content)}\n`)
      .sort((left, right) => (left < right ? -1 : 1))
      .join(''),
  );
  return ok({ column, folder: bundleFolder, ...sides, files, modifiedMs, digest });
}

function tooLarge(): Problem {
  const message = `the files of media have more than ${mostBytes / 2 ** 20} MiB together`;
  return { file: settingsFile, message, remedy: 'Make them smaller; a bundle is one file that is held in memory' };
}

/** Names of the files of a folder, by themselves and without their endings. */
export async function fileNamesIn(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = new Map<string, string>();
  for (const entry of entries.filter((each) => each.isFile())) {
    const stem = entry.name.slice(0, entry.name.length - extname(entry.name).length);
    if (!names.has(stem)) names.set(stem, entry.name);
  }
  for (const entry of entries.filter((each) => each.isFile())) names.set(entry.name, entry.name);
  return names;
}

/** The path of a file in the bundle: named by the row's opaque id where the id names it, else by a keyed hash of its own. */
export function opaquePath(media: Media, secret: Buffer, path: string, rowId?: string): string {
  const keyed = createHmac('sha256', secret).update(`media:${path}`).digest('hex').slice(0, 12);
  return `${media.folder}/${rowId ?? `f${keyed}`}${extname(path).toLowerCase()}`;
}
