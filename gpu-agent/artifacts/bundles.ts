// Bundles of tasks, unpacked once per digest, ready to be mounted into sandboxes.
//
// Invariants: 1. a directory under its final name is whole (written elsewhere, then renamed); 2. everyone may read it and
// nobody in a sandbox may write it: files 0444, directories 0755.

import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../shared/core/ids.ts';
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

export async function openBundles(directory: string, artifacts: ArtifactClient): Promise<Bundles> {
  const incoming = join(directory, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const unpacking = new Map<Digest, Promise<void>>();

  async function unpack(digest: Digest, target: string): Promise<void> {
    const tar = await artifacts.get(digest);
    const temporary = join(incoming, digest);
    await rm(temporary, { recursive: true, force: true });
    await unpackTree(tar, temporary, bundleLimits);
    await openToReaders(temporary);
    await rename(temporary, target);
  }

  return {
    async get(digest) {
      const target = join(directory, digest);
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
