// Directories as tar files. The only door to tar-stream.
// Invariants:
// 1. Equal trees give equal bytes: entries sorted, owners and times zeroed, modes reduced to 0644, 0755.
// 2. Reading accepts regular files and directories with plain relative paths, within limits, each path once; nothing else.
// 3. Nothing is written to disk before the whole tar was read and accepted.

import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Extract, extract, pack } from 'tar-stream';

export interface TreeLimits {
  /** Most bytes of all files together. */
  readonly totalBytes: number;
  /** Most files and directories. */
  readonly entries: number;
}

/** Enough for any solution directory; bundles state limits of their own. */
const defaultTreeLimits: TreeLimits = { totalBytes: 256 * 2 ** 20, entries: 10_000 };

/** A file of a tree. Directories are implied by paths; empty ones are not kept. */
export interface TreeFile {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly executable: boolean;
}

/** A tree that was refused, with the entry that is to blame. */
export class TreeError extends Error {
  override readonly name = 'TreeError';
}

/** A deterministic tar of a directory. Links and special files in it are refused. */
export async function packTree(directory: string, limits: TreeLimits = defaultTreeLimits): Promise<Buffer> {
  const budget = { bytes: limits.totalBytes, entries: limits.entries };
  const files: TreeFile[] = [];
  await collect(directory, '', files, budget);
  return await packFiles(files);
}

/** A deterministic tar of these files, in whatever order they come. */
export async function packFiles(files: readonly TreeFile[]): Promise<Buffer> {
  const sorted = [...files].sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0));
  const tar = pack();
  for (const file of sorted) {
    checkPath(file.path);
    const mode = file.executable ? 0o755 : 0o644;
    tar.entry({ name: file.path, mode, mtime: new Date(0), uid: 0, gid: 0, type: 'file' }, file.bytes);
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The files of a tar, sorted by path; throws `TreeError` where anything in it is not allowed. */
export async function readTree(
  tar: Uint8Array | AsyncIterable<Uint8Array>,
  limits: TreeLimits = defaultTreeLimits,
): Promise<TreeFile[]> {
  const files = new Map<string, TreeFile>();
  for await (const { path, executable, read } of eachFile(tar, limits)) {
    if (files.has(path)) throw new TreeError(`${path} stands there twice`);
    files.set(path, { path, bytes: await read(), executable });
  }
  return sortedWithoutClashes(files);
}

/** A file as it passes by. */
export interface PassingFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
  /** Its bytes; only until the next file is asked for. Nothing of a file that is not read stays in memory. */
  readonly read: () => Promise<Buffer>;
}

/**
 * The files of a tar in its own order, for readers who want few of them; throws `TreeError` at the first that is not allowed. That
 * each path stands there once is left to the caller.
 */
export async function* eachFile(
  tar: Uint8Array | AsyncIterable<Uint8Array>,
  limits: TreeLimits = defaultTreeLimits,
): AsyncGenerator<PassingFile, void, undefined> {
  let bytes = 0;
  let entries = 0;
  const reader = extract();
  feed(reader, tar);
  try {
    for await (const entry of reader) {
      const { name, type, size, mode } = entry.header;
      entries += 1;
      if (entries > limits.entries) throw new TreeError(`more than ${limits.entries} entries`);
      const path = cleanPath(name);
      if (type === 'directory') {
        entry.resume();
        continue;
      }
      if (type !== 'file' && type !== 'contiguous-file')
        throw new TreeError(`${name} is a ${type}, not a regular file`);
      bytes += size ?? 0;
      if (bytes > limits.totalBytes) throw new TreeError(`more than ${limits.totalBytes} bytes (at ${name})`);
      let isTaken = false;
      const read = async (): Promise<Buffer> => {
        isTaken = true;
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of entry) chunks.push(chunk as Buffer);
        } catch (error) {
          throw new TreeError('not a readable tar', { cause: error });
        }
        return Buffer.concat(chunks);
      };
      yield { path, sizeBytes: size ?? 0, executable: ((mode ?? 0) & 0o111) !== 0, read };
      if (!isTaken) entry.resume();
    }
  } catch (error) {
    if (error instanceof TreeError) throw error;
    throw new TreeError('not a readable tar', { cause: error });
  } finally {
    reader.destroy();
  }
}

/** Paths, sizes and modes of a tar's files. */
export async function listTree(
  tar: Uint8Array,
  limits: TreeLimits = defaultTreeLimits,
): Promise<{ path: string; sizeBytes: number; executable: boolean }[]> {
  const files = await readTree(tar, limits);
  return files.map(({ path, bytes, executable }) => ({ path, sizeBytes: bytes.byteLength, executable }));
}

/** Writes a tar's files below `directory`, which is made; files that are there already are refused. */
export async function unpackTree(
  tar: Uint8Array | AsyncIterable<Uint8Array>,
  directory: string,
  limits: TreeLimits = defaultTreeLimits,
): Promise<void> {
  const files = await readTree(tar, limits);
  await mkdir(directory, { recursive: true });
  for (const file of files) {
    const target = join(directory, file.path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, file.bytes, { flag: 'wx', mode: file.executable ? 0o755 : 0o644 });
  }
}

function feed(reader: Extract, tar: Uint8Array | AsyncIterable<Uint8Array>): void {
  const write = async (): Promise<void> => {
    const chunks = tar instanceof Uint8Array ? [tar] : tar;
    for await (const chunk of chunks) {
      if (reader.destroyed) return;
      if (!reader.write(chunk)) await drained(reader);
    }
    if (!reader.destroyed) reader.end(undefined);
  };
  write().catch((error: unknown) => reader.destroy(error instanceof Error ? error : new Error(String(error))));
}

function drained(reader: Extract): Promise<void> {
  return new Promise((resolve) => {
    reader.once('drain', () => resolve());
    reader.once('close', () => resolve());
  });
}

async function collect(
  root: string,
  prefix: string,
  files: TreeFile[],
  budget: { bytes: number; entries: number },
): Promise<void> {
  for (const name of (await readdir(join(root, prefix))).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const full = join(root, path);
    const status = await lstat(full);
    budget.entries -= 1;
    if (budget.entries < 0) throw new TreeError(`${root} has too many entries`);
    if (status.isDirectory()) {
      await collect(root, path, files, budget);
      continue;
    }
    if (!status.isFile()) throw new TreeError(`${path} is a link or a special file, not a regular file`);
    budget.bytes -= status.size;
    if (budget.bytes < 0) throw new TreeError(`${root} is too large (at ${path})`);
    files.push({ path, bytes: await readFile(full), executable: (status.mode & 0o100) !== 0 });
  }
}

/** The path without `./` in front or `/` behind. */
function cleanPath(name: string): string {
  const path = name.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
  if (path === '' || path === '.') return '.';
  checkPath(path);
  return path;
}

function checkPath(path: string): void {
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..');
  if (bad || path.startsWith('/') || path.includes('\\') || path.includes('\0') || path.length > 1024) {
    throw new TreeError(`${JSON.stringify(path.slice(0, 200))} is not a plain relative path`);
  }
}

/** A file may not stand where another entry needs a directory. */
function sortedWithoutClashes(files: Map<string, TreeFile>): TreeFile[] {
  for (const path of files.keys()) {
    if (path === '.') throw new TreeError('a file has no name');
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      if (files.has(parent)) throw new TreeError(`${parent} is a file and a directory at once`);
    }
  }
  return [...files.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}
