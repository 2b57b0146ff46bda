// Reads a task folder from disk into memory, once, so that what is checked is what is imported.

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, extname, join, normalize, sep } from 'node:path';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { shellWord } from '../../shared/core/shell-word.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { isLfsPointer, lfsPointerMessage, lfsPointerRemedy } from '../core/lfs-pointer.ts';
import type { TaskSettings } from '../core/task.ts';
import { graderImportProblems } from './grader-imports.ts';
import { findLayout, privateFolder, type TaskLayout } from './layout.ts';
import { type Media, readMedia } from './media.ts';
import type { Problem } from './problem.ts';
import { readSettings, settingsFile } from './settings.ts';
import { columnOf, readTable, type Table, tableEndings } from './table.ts';

export const trainFile = 'train.csv';
export const testFile = 'test.csv';
export const sampleFile = 'sample_submission.csv';
export const descriptionFile = 'description.md';

/** A further public file; a table where it reads as one. */
interface Extra {
  readonly path: string;
  readonly bytes: Buffer;
  readonly table?: Table;
}

/** A folder as read. */
export interface TaskFolder {
  readonly settings: TaskSettings;
  readonly train: Table;
  readonly test: Table;
  readonly sample: Table;
  /** Labels of the official test rows, where task.yaml names them. */
  readonly answers?: Table;
  readonly description: string;
  /** The text of grade.py, where task.yaml names one; agents never see it. */
  readonly grader?: string;
  readonly extras: readonly Extra[];
  /** The files that rows refer to. */
  readonly media?: Media;
  /** True where the official sample submission is not a public file. */
  readonly sampleIsPrivate: boolean;
  /** True where it is a competition that MLE-bench prepared. */
  readonly isBenchmark: boolean;
  /** Files of the folder that agents will not see. */
  readonly ignored: readonly string[];
  /** Over settings and all files: equal content, equal digest. */
  readonly contentDigest: string;
}

export function noDirectory(directory: string): Problem {
  return { file: directory, message: 'there is no such directory', remedy: 'Check the path' };
}

/** What is going to be written into a folder, to be read as if it were there. */
export interface Unwritten {
  readonly yaml: string;
  /** By path in the folder. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Reads everything that the folder's task.yaml names, or what is going to be written in its place. */
export async function readFolder(directory: string, unwritten?: Unwritten): Promise<Result<TaskFolder, Problem[]>> {
  const text = unwritten?.yaml ?? (await readOptional(join(directory, settingsFile)))?.toString('utf8');
  if (text === undefined || !(await isDirectory(directory))) return err([await settingsMissing(directory)]);
  const settings = readSettings(text);
  if (!settings.ok) return settings;
  const layout = await findLayout(directory, settings.value);
  const files = new FolderFiles(directory, layout.publicFolder, unwritten?.files);
  const train = await files.table(layout.train);
  const sample = await files.table(layout.sample);
  const test = (await testOfSample(directory, layout, settings.value, sample)) ?? (await files.table(layout.test));
  const answers = layout.answers === undefined ? undefined : await files.table(layout.answers);
  const grader = settings.value.grader === undefined ? undefined : await files.text(settings.value.grader.file);
  const description = await files.description(layout.description);
  const extras = await files.extras(settings.value.files);
  for (const each of [settings.value.media?.train, settings.value.media?.test]) {
    if (each !== undefined) await files.leadsOut(each, join(directory, layout.publicFolder, each));
  }
  if (settings.value.grader !== undefined)
    files.problems.push(...graderImportProblems(settings.value.grader.file, grader ?? ''));
  if (settings.value.grader !== undefined && settings.value.files.includes(settings.value.grader.file)) {
    const message = `files names the grader ${settings.value.grader.file}, which agents must not see`;
    files.problems.push({ file: settingsFile, message, remedy: 'Take it out of files' });
  }
  if (train === undefined || test === undefined || sample === undefined || files.problems.length > 0) {
    return err(files.problems);
  }
  const publicFiles = join(directory, layout.publicFolder);
  const named = settings.value.media;
  const media = named === undefined ? undefined : await readMedia(publicFiles, named, train, test);
  if (media?.ok === false) return media;
  if (media !== undefined) files.digests['media/'] = media.value.digest;
  files.digests[descriptionFile] = sha256(description ?? '');
  return ok({
    settings: settings.value,
    train,
    test,
    sample,
    ...(answers === undefined ? {} : { answers }),
    description: description?.toString('utf8') ?? '',
    ...(grader === undefined ? {} : { grader }),
    extras,
    ...(media === undefined ? {} : { media: media.value }),
    isBenchmark: layout.competition !== undefined,
    sampleIsPrivate: layout.sample.startsWith(`${privateFolder}/`),
    ignored: await ignoredFiles(directory, layout, settings.value),
    contentDigest: createHash('sha256')
      .update(canonicalJson({ settings: settings.value, files: files.digests }))
      .digest('hex'),
  });
}

/**
 * The ids of the sample submission, where files named by the id are all that rows have: Kaggle then gives no test table. One
 * that task.yaml names is meant, so where that is another file it is read, or missed.
 */
async function testOfSample(
  directory: string,
  layout: TaskLayout,
  { media, id: named, tables }: TaskSettings,
  sample: Table | undefined,
): Promise<Table | undefined> {
  const id = named ?? sample?.columns[0] ?? '';
  if (media?.column !== id || sample?.columns.includes(id) !== true) return;
  const isThere = tables?.test !== undefined || (await readOptional(join(directory, layout.test))) !== undefined;
  if (isThere && layout.test !== layout.sample) return;
  return { file: sample.file, columns: [id], rows: columnOf(sample, id).map((each) => [each]), lines: sample.lines };
}

class FolderFiles {
  readonly problems: Problem[] = [];
  readonly digests: Record<string, string> = {};
  readonly #directory: string;
  readonly #publicFolder: string;
  readonly #unwritten: ReadonlyMap<string, Buffer>;

  constructor(directory: string, publicFolder: string, unwritten: ReadonlyMap<string, Buffer> = new Map()) {
    this.#directory = directory;
    this.#publicFolder = publicFolder;
    this.#unwritten = unwritten;
  }

  async table(file: string): Promise<Table | undefined> {
    const bytes = await this.#bytes(file);
    if (bytes === undefined) return;
    const table = await readTable(file, bytes);
    if (table.ok) return table.value;
    this.problems.push(...table.error);
    return;
  }

  async text(file: string): Promise<string | undefined> {
    return (await this.#bytes(file))?.toString('utf8');
  }

  async extras(names: readonly string[]): Promise<Extra[]> {
    const extras: Extra[] = [];
    for (const path of names) {
      const bytes = await this.#bytes(path, this.#publicFolder);
      if (bytes === undefined) continue;
      const ending = extname(path).slice(1).toLowerCase();
      const table = [...tableEndings, 'txt'].includes(ending) ? await readTable(path, bytes) : undefined;
      extras.push({ path, bytes, ...(table?.ok === true ? { table: table.value } : {}) });
    }
    return extras;
  }

  /** Undefined where there is none; a problem where it is no text. */
  async description(file: string): Promise<Buffer | undefined> {
    if (await this.leadsOut(file, join(this.#directory, file))) return;
    const bytes = await readOptional(join(this.#directory, file));
    if (bytes !== undefined && !isUtf8(bytes)) {
      this.problems.push({ file, message: 'it is no UTF-8 text', remedy: 'Save it as UTF-8; agents are shown it' });
    }
    return bytes;
  }

  /** A path below the folder that ends elsewhere is a problem: what is imported goes to agents, and a link fetches it from anywhere. */
  async leadsOut(file: string, path: string): Promise<boolean> {
    const ends = await Promise.all([realpath(this.#directory), realpath(path)]).catch(() => undefined);
    // Where nothing is there, reading says so.
    if (ends === undefined || ends[1] === ends[0] || ends[1].startsWith(`${ends[0]}${sep}`)) return false;
    const message = 'it is a link, or lies behind one, that leads out of the task folder';
    this.problems.push({ file, message, remedy: 'Put a copy of the file itself into the folder' });
    return true;
  }

  async #bytes(file: string, folder = ''): Promise<Buffer | undefined> {
    if (normalize(file) !== file || file.startsWith('..') || file.startsWith(sep)) {
      const message = `${JSON.stringify(file)} does not lie in the task folder`;
      this.problems.push({ file: settingsFile, message, remedy: 'Name files by paths relative to the folder' });
      return;
    }
    const path = join(this.#directory, folder, file);
    if (await this.leadsOut(file, path)) return;
    const bytes = this.#unwritten.get(file) ?? (await readOptional(path));
    if (bytes === undefined) {
      const message = 'the file is missing, is no regular file, or cannot be read';
      this.problems.push({ file, message, remedy: missingRemedy(file) });
      return;
    }
    if (isLfsPointer(bytes)) {
      this.problems.push({ file, message: lfsPointerMessage, remedy: lfsPointerRemedy });
      return;
    }
    this.digests[file] = sha256(bytes);
    return bytes;
  }
}

function missingRemedy(file: string): string {
  if (basename(file) === testFile)
    return `Add it; where there are no official test rows, a ${testFile} with only the header will do, and where media is by the id none is needed`;
  if (basename(file) === sampleFile) return 'Add it: the header and one row for each id of test.csv';
  return 'Add it to the folder';
}

/** The bytes of a regular file; a pipe would be waited for without end. */
async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return (await stat(path)).isFile() ? await readFile(path) : undefined;
  } catch {
    return;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function settingsMissing(directory: string): Promise<Problem> {
  if (!(await isDirectory(directory))) {
    return noDirectory(directory);
  }
  const prepared = (await findLayout(directory)).competition !== undefined;
  const command = `doubleblind task init ${shellWord(directory)}${prepared ? '' : ' --target COLUMN'} --metric NAME`;
  return { file: settingsFile, message: 'the folder has no task.yaml', remedy: `Run \`${command}\` to write one` };
}

/** Public files and folders that are neither read nor named. */
async function ignoredFiles(directory: string, layout: TaskLayout, settings: TaskSettings): Promise<string[]> {
  const { train, test, sample, description, answers = '' } = layout;
  const used = new Set([train, test, sample, description, answers].map((path) => basename(path)));
  for (const name of [settingsFile, settings.grader?.file ?? '', ...settings.files]) used.add(name);
  for (const folder of [settings.media?.train, settings.media?.test]) {
    const [top] = (folder ?? '').split('/');
    if (top !== undefined) used.add(top);
  }
  const prepared = layout.publicFolder !== '';
  const entries = await readdir(join(directory, layout.publicFolder), { withFileTypes: true });
  return entries
    .filter((entry) => (entry.isFile() || (prepared && entry.isDirectory())) && !used.has(entry.name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort();
}
