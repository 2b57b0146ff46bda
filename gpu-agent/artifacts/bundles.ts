// Bundles of tasks, unpacked once per digest, ready to be mounted into sandboxes.
//
// Invariants: 1. a directory under its final name is whole (written elsewhere, then renamed; renamed, then removed); 2. everyone may read it and
// nobody in a sandbox may write it: files 0444, directories 0755; 3. before another one is unpacked, the least recently used go
// until all together hold at most `maxBytes`, but for those that attempts in the book still need.

import { existsSync, renameSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digest, isDigest } from '../../shared/core/ids.ts';
import { type TreeLimits, unpackTree } from '../../shared/store/tree.ts';
import type { ArtifactClient } from './artifact-client.ts';

/** Tabular bundles are a few hundred megabytes at most; larger ones would not fit the host's memory while unpacked. */
const bundleLimits: TreeLimits = { totalBytes: 2 * 2 ** 30, entries: 100_000 };

interface Bundle {
  readonly directory: string;
  /** Names with sizes, for the brief. */
  readonly files: readonly string[];
}

export interface Bundles {
  get(digest: Digest): Promise<Bundle>;
}

export interface BundlesOptions {
  readonly directory: string;
  readonly artifacts: ArtifactClient;
  readonly maxBytes: number;
  /** Bundles of attempts that have not ended; asked for when something is about to be removed. */
  readonly inUse: () => ReadonlySet<Digest>;
}

export async function openBundles({ directory, artifacts, maxBytes, inUse }: BundlesOptions): Promise<Bundles> {
  const incoming = join(directory, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const unpacking = new Map<Digest, Promise<void>>();
  const kept = await unpackedBundles(directory);
  let evictions = 0;

  async function unpack(digest: Digest, target: string): Promise<void> {
    const tar = await artifacts.get(digest);
    const temporary = join(incoming, digest);
    await rm(temporary, { recursive: true, force: true });
    await unpackTree(tar, temporary, bundleLimits);
    await openToReaders(temporary);
    await rename(temporary, target);
    kept.set(digest, await bytesIn(target));
    await makeRoom(digest);
  }

  async function makeRoom(newest: Digest): Promise<void> {
    for (const path of evict(newest)) await rm(path, { recursive: true, force: true });
  }

  /**
   * Takes what has to go from under its name; where it lies now. Waits for nothing: an attempt that came into the book after the look at it
   * would take a bundle that is about to go.
   */
  function evict(newest: Digest): string[] {
    let total = [...kept.values()].reduce((sum, bytes) => sum + bytes, 0);
    const needed = inUse();
    const gone: string[] = [];
    for (const [digest, bytes] of kept) {
      if (total <= maxBytes) break;
      if (digest === newest || needed.has(digest)) continue;
      const path = join(incoming, `evicted-${evictions}`);
      evictions += 1;
      // Not there where somebody made room by hand.
      if (existsSync(join(directory, digest))) renameSync(join(directory, digest), path);
      kept.delete(digest);
      total -= bytes;
      gone.push(path);
    }
    return gone;
  }

  return {
    async get(digest) {
      const target = join(directory, digest);
      // A Map keeps the order of insertion, so the least recently used comes first.
      const bytes = kept.get(digest);
      if (bytes !== undefined) {
        kept.delete(digest);
        kept.set(digest, bytes);
      }
      if (!(await exists(target))) {
        const running = unpacking.get(digest) ?? unpack(digest, target).finally(() => unpacking.delete(digest));
        unpacking.set(digest, running);
        await running;
      }
      return { directory: target, files: await listFiles(target) };
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** The umask decided over modes while unpacking; these are the ones that are meant. */
async function openToReaders(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToReaders(path);
    else await chmod(path, 0o444);
  }
}

/** What an earlier daemon unpacked, with sizes. */
async function unpackedBundles(directory: string): Promise<Map<Digest, number>> {
  const found = (await readdir(directory)).filter((name) => isDigest(name)).map((name) => digest(name));
  return new Map(await Promise.all(found.map(async (name) => [name, await bytesIn(join(directory, name))] as const)));
}

async function bytesIn(directory: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

async function listFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    files.push(
      `${path.slice(directory.length + 1)} (${size < 1e6 ? `${Math.ceil(size / 1e3)} kB` : `${(size / 1e6).toFixed(1)} MB`})`,
    );
  }
  return files.sort((left, right) => (left < right ? -1 : 1));
}
