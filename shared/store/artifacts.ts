// A content-addressed directory: files named by the SHA-256 of their bytes, in 256 sub-directories.
// Invariants:
// 1. A file under its final name is whole and synced: written under another name first, then renamed, then the directory is synced.
// 2. What is stored under a digest never changes; storing the same bytes again does nothing.
// 3. The thread never waits for the disk itself (fsync). Small files are opened, written and renamed without leaving it, which takes
//    some microseconds: each hop to another thread and back costs more.
// 4. Where it was opened so, small bytes that are at hand go into a database beside the files (small-artifacts.ts), whose log is put into
//    its file now and then, and that the thread does wait for. Files of small ones, of streams and from before, are found all the same.

import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsync, openSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Digest, digest, isDigest } from '../core/ids.ts';
import { sha256 } from './digest.ts';
import { newRecentBytes, type RecentBytes } from './recent-bytes.ts';
import { openSmallArtifacts, type SmallArtifacts } from './small-artifacts.ts';

/** Up to here an artifact is small: a program, a log, predictions for a few thousand rows. */
export const smallBytes = 65_536;
/** As many small ones travel in one message of the protocol, which stays at a MiB so. */
export const smallAtOnce = 16;

export interface StoredArtifact {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** True where it was there already. */
  readonly alreadyStored: boolean;
}

export interface ArtifactDirectory {
  has(digest: Digest): Promise<boolean>;
  /** Size in bytes, or undefined where it is not there. */
  size(digest: Digest): Promise<number | undefined>;
  /** Stores bytes; throws `DigestMismatch` where they do not hash to `expected`. */
  put(source: Uint8Array | AsyncIterable<Uint8Array>, expected?: Digest): Promise<StoredArtifact>;
  /** All bytes; throws `ArtifactMissing`. */
  get(digest: Digest): Promise<Buffer>;
  /** The bytes from one on (the first unless stated) in pieces of at most `chunkBytes` (64 KiB); throws `ArtifactMissing`. */
  stream(digest: Digest, chunkBytes?: number, fromByte?: number): AsyncIterable<Buffer>;
  /** Where the file is; it may not be there. */
  pathOf(digest: Digest): string;
  /** Takes it as if it were stored now; false where it is not there. */
  touch(digest: Digest): Promise<boolean>;
  /** Removes it where it was last stored before that moment; true where it did. In one go, so that nobody stores it meanwhile. */
  removeStale(digest: Digest, storedBeforeMs: number): boolean;
  /** Gives room that was removed artifacts' back to the file system, where that does not happen by itself. */
  giveRoomBack(): Promise<void>;
  /** Removes it where it is there. */
  remove(digest: Digest): Promise<void>;
  /** All digests, sorted. */
  list(): Promise<Digest[]>;
  /** Rejects when nothing more can be stored by this process; what is only full or busy is no such thing. */
  readonly failed: Promise<never>;
  /** Lets go of what is open; nothing is lost without it. */
  close(): void;
}

export class DigestMismatch extends Error {
  override readonly name = 'DigestMismatch';
}

export class ArtifactMissing extends Error {
  override readonly name = 'ArtifactMissing';
}

export interface ArtifactDirectoryOptions {
  /** How many bytes of small artifacts are kept in memory after they were stored; 0 unless stated. */
  readonly recentBytes?: number;
  /** Small ones go into one database instead of a file each. */
  readonly smallTogether?: boolean;
  /** Told how many milliseconds small ones waited that go into the database together. */
  readonly onSmallStored?: (waitMs: number) => void;
}

/** Opens the store in `directory`, which is made; unfinished writes of an earlier process are removed. */
export async function openArtifactDirectory(
  directory: string,
  { recentBytes = 0, smallTogether = false, onSmallStored }: ArtifactDirectoryOptions = {},
): Promise<ArtifactDirectory> {
  const incoming = join(directory, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const shelves = new Set<string>();
  const recent = newRecentBytes(recentBytes);
  const small = smallTogether ? openSmallArtifacts(join(directory, 'small.db'), onSmallStored) : undefined;
  const known = (name: Digest): Buffer | undefined => recent.get(name) ?? small?.get(name);
  const pathOf = (name: Digest): string => join(directory, name.slice(0, 2), name);
  const size = async (name: Digest): Promise<number | undefined> => {
    const sizeBytes = recent.get(name)?.length ?? small?.size(name);
    if (sizeBytes !== undefined) return sizeBytes;
    try {
      return (await stat(pathOf(name))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };
  return {
    has: async (name) => (await size(name)) !== undefined,
    size,
    put: (source, expected) => put({ directory, incoming, source, expected, pathOf, shelves, recent, small }),
    get: async (name) => known(name) ?? (await readFile(pathOf(name)).catch((error: unknown) => missing(name, error))),
    stream(name, chunkBytes = 65_536, fromByte = 0) {
      const bytes = known(name);
      if (bytes !== undefined) return pieces(bytes.subarray(fromByte), chunkBytes);
      return readPieces(name, pathOf(name), chunkBytes, fromByte);
    },
    pathOf,
    touch: async (name) => small?.touch(name) === true || (await touch(pathOf(name))),
    removeStale(name, storedBeforeMs) {
      const fromTogether = small?.removeStale(name, storedBeforeMs) === true;
      const removed = removeStale(pathOf(name), storedBeforeMs) || fromTogether;
      if (removed) recent.forget(name);
      return removed;
    },
    giveRoomBack: async () => await small?.giveRoomBack(),
    remove(name) {
      recent.forget(name);
      small?.remove(name);
      return rm(pathOf(name), { force: true });
    },
    list: async () => [...new Set([...((await small?.list()) ?? []), ...(await listDigests(directory))])].sort(inOrder),
    failed: small?.failed ?? new Promise<never>(() => undefined),
    close: () => small?.close(),
  };
}

interface Put {
  readonly directory: string;
  readonly incoming: string;
  readonly source: Uint8Array | AsyncIterable<Uint8Array>;
  readonly expected: Digest | undefined;
  readonly pathOf: (name: Digest) => string;
  /** Sub-directories that are there and synced. */
  readonly shelves: Set<string>;
  readonly recent: RecentBytes;
  readonly small: SmallArtifacts | undefined;
}

function put(about: Put): Promise<StoredArtifact> {
  const { source } = about;
  return source instanceof Uint8Array && source.byteLength <= smallBytes ? putSmall(about, source) : putAny(about);
}

async function putAny({ directory, incoming, source, expected, pathOf, shelves }: Put): Promise<StoredArtifact> {
  const temporary = join(incoming, randomBytes(12).toString('hex'));
  let moved = false;
  try {
    const written = await writeSynced(temporary, source);
    if (expected !== undefined && written.digest !== expected) throw mismatch(written.digest, expected);
    const target = pathOf(written.digest);
    // Touched first, then looked at: what was removed in between is written again.
    const alreadyStored = (await touch(target)) && (await isThere(target));
    if (!alreadyStored) {
      const shelf = await shelfFor(directory, written.digest, shelves);
      await rename(temporary, target);
      moved = true;
      await syncDirectory(shelf);
    }
    return { ...written, alreadyStored };
  } finally {
    if (!moved) await rm(temporary, { force: true });
  }
}

/** The same for bytes at hand: hashed before anything is written, and in two hops from this thread. */
async function putSmall(
  { directory, incoming, expected, pathOf, shelves, recent, small }: Put,
  bytes: Uint8Array,
): Promise<StoredArtifact> {
  const name = sha256(bytes);
  if (expected !== undefined && name !== expected) throw mismatch(name, expected);
  const stored = { digest: name, sizeBytes: bytes.byteLength };
  if (small !== undefined) {
    const alreadyStored = await small.put(name, bytes);
    recent.keep(name, bytes);
    return { ...stored, alreadyStored };
  }
  const target = pathOf(name);
  // Nobody else has the thread meanwhile, so what was touched is there.
  if (touchNow(target)) {
    recent.keep(name, bytes);
    return { ...stored, alreadyStored: true };
  }
  const shelf = await shelfFor(directory, name, shelves);
  const temporary = join(incoming, randomBytes(12).toString('hex'));
  const file = openSync(temporary, 'wx', 0o600);
  try {
    try {
      writeFileSync(file, bytes);
      await sync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  await syncDirectory(shelf);
  recent.keep(name, bytes);
  return { ...stored, alreadyStored: false };
}

function mismatch(found: Digest, expected: Digest): DigestMismatch {
  return new DigestMismatch(`the bytes hash to ${found}, not to ${expected}`);
}

/** The sub-directory that an artifact belongs to, made where it was not there. */
async function shelfFor(directory: string, artifact: Digest, shelves: Set<string>): Promise<string> {
  const name = artifact.slice(0, 2);
  const shelf = join(directory, name);
  if (shelves.has(name)) return shelf;
  if ((await mkdir(shelf, { recursive: true, mode: 0o700 })) !== undefined) await syncDirectory(directory);
  shelves.add(name);
  return shelf;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function touchNow(path: string): boolean {
  // Looked at first: that it is not there is the usual answer, and costs no error with a stack.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  const now = new Date();
  utimesSync(path, now, now);
  return true;
}

async function touch(path: string): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(path, now, now);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function removeStale(path: string, storedBeforeMs: number): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.mtimeMs >= storedBeforeMs) return false;
  rmSync(path);
  return true;
}

async function writeSynced(
  path: string,
  source: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<{ digest: Digest; sizeBytes: number }> {
  const file = await open(path, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of source instanceof Uint8Array ? [source] : source) {
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      await writeAll(file, chunk);
    }
    await file.sync();
    return { digest: digest(hash.digest('hex')), sizeBytes };
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength; ) {
    const { bytesWritten } = await file.write(chunk, offset);
    offset += bytesWritten;
  }
}

async function* readPieces(name: Digest, path: string, chunkBytes: number, fromByte: number): AsyncGenerator<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => missing(name, error));
  try {
    // What is stored does not change, so no more room is needed than there are bytes: most artifacts are small.
    const { size } = await file.stat();
    for (let at = fromByte; at < size; ) {
      const room = Buffer.allocUnsafe(Math.min(chunkBytes, size - at));
      const { bytesRead, buffer } = await file.read(room, 0, room.length, at);
      if (bytesRead === 0) throw new Error(`artifact ${name} is shorter than its file was`);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* pieces(bytes: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) yield bytes.subarray(offset, offset + chunkBytes);
}

async function listDigests(directory: string): Promise<Digest[]> {
  const found: Digest[] = [];
  for (const shelf of await readdir(directory)) {
    if (!/^[0-9a-f]{2}$/.test(shelf)) continue;
    for (const name of await readdir(join(directory, shelf))) if (isDigest(name)) found.push(digest(name));
  }
  return found;
}

function inOrder(left: Digest, right: Digest): number {
  return left < right ? -1 : 1;
}

const sync = promisify(fsync);

async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, 'r');
  try {
    await sync(directory);
  } finally {
    closeSync(directory);
  }
}

function missing(name: Digest, error: unknown): never {
  if (isMissing(error)) throw new ArtifactMissing(`artifact ${name} is not in the store`, { cause: error });
  throw error;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
