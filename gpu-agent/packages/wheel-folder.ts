// A folder of wheels as an index.
//
// Owns: which files are wheels, and their hashes, which are taken again whenever a file changes. A wheel that changes
// between its listing and its download arrives with another hash than was told, and pip refuses it.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ascending, projectOfWheel } from '../core/wheel.ts';
import type { PackageIndex, WheelFile } from './package-index.ts';

interface Known {
  /** Size, time and inode: another file of that name has others. */
  readonly stamp: string;
  readonly sha256: string;
}

export function openWheelFolder(directory: string): PackageIndex {
  const known = new Map<string, Known>();

  async function sha256Of(fileName: string): Promise<string> {
    const path = join(directory, fileName);
    const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
    const stamp = `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
    const before = known.get(fileName);
    if (before?.stamp === stamp) return before.sha256;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const sha256 = hash.digest('hex');
    known.set(fileName, { stamp, sha256 });
    return sha256;
  }

  async function filesOf(project: string): Promise<string[]> {
    return (await wheelNames(directory)).filter((name) => projectOfWheel(name) === project);
  }

  return {
    async projects() {
      const names = (await wheelNames(directory)).flatMap((name) => projectOfWheel(name) ?? []);
      return ascending(new Set(names));
    },
    async wheels(project) {
      const files = await filesOf(project);
      if (files.length === 0) return undefined;
      const hashed = files.map(async (fileName) => ({
        fileName,
        sha256: await sha256Of(fileName),
        requiresPython: '',
      }));
      return await Promise.all(hashed);
    },
    async open(project, fileName) {
      return (await filesOf(project)).includes(fileName) ? await openWheel(join(directory, fileName)) : undefined;
    },
  };
}

async function wheelNames(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && projectOfWheel(entry.name) !== undefined);
  return ascending(files.map((entry) => entry.name));
}

/** An open file: what replaces or removes it meanwhile changes nothing for the reader. */
export async function openWheel(path: string): Promise<WheelFile> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    stream: () => handle.createReadStream({ autoClose: false, start: 0, ...(size > 0 ? { end: size - 1 } : {}) }),
    close: () => handle.close(),
  };
}
