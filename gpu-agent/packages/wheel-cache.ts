// Wheels on this host's disk: those that are kept, under their hashes, and those that come in.
//
// Invariants: 1. all of them have at most `maxBytes` together; the least recently used of those that are kept make room;
// 2. a wheel is kept once it was read whole and has its hash; 3. one that is being read is not dropped, because its bytes
// would stay on the disk as long as it is open.

import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WheelFile } from './package-index.ts';
import { openWheel } from './wheel-folder.ts';

export interface WheelCache {
  /** The wheel with that hash; undefined where it is not kept. */
  open(sha256: string): Promise<WheelFile | undefined>;
  /** Keeps what is read to its end, found to have that hash; `origin` is where it comes from, for the errors. */
  take(sha256: string, bytes: Readable, origin: string): Promise<void>;
}

interface Kept {
  readonly bytes: number;
  readers: number;
}

export async function openWheelCache(directory: string, maxBytes: number): Promise<WheelCache> {
  const incoming = join(directory, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const pathOf = (sha256: string): string => join(directory, `${sha256}.whl`);
  /** The most recently used is the last. */
  const kept = await readKept(directory);
  /** Of all that are kept or come in. */
  let total = [...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0);

  async function drop(sha256: string, one: Kept): Promise<void> {
    // Several may find at once that it is gone.
    if (kept.get(sha256) !== one) return;
    kept.delete(sha256);
    total -= one.bytes;
    await rm(pathOf(sha256), { force: true });
  }
  async function makeRoom(): Promise<void> {
    for (const [sha256, one] of kept) {
      if (total <= maxBytes) return;
      if (one.readers === 0) await drop(sha256, one);
    }
  }
  async function write(path: string, bytes: Readable, count: (chunk: Buffer) => Promise<void>): Promise<string> {
    const hash = createHash('sha256');
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        count(chunk).then(() => done(null, chunk), done);
      },
    });
    await pipeline(bytes, counted, createWriteStream(path));
    return hash.digest('hex');
  }

  await makeRoom();
  return {
    async open(sha256) {
      const one = kept.get(sha256);
      if (one === undefined) return undefined;
      kept.delete(sha256);
      kept.set(sha256, one);
      one.readers += 1;
      try {
        const file = await openWheel(pathOf(sha256));
        // Only a later daemon reads it.
        await utimes(pathOf(sha256), new Date(), new Date()).catch(() => undefined);
        const close = async (): Promise<void> => {
          await file.close();
          one.readers -= 1;
        };
        return { ...file, close };
      } catch (error) {
        one.readers -= 1;
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
        // Somebody else has removed it.
        await drop(sha256, one);
        return undefined;
      }
    },
    async take(sha256, bytes, origin) {
      const temporary = join(incoming, `${sha256}-${randomBytes(4).toString('hex')}`);
      let own = 0;
      try {
        const found = await write(temporary, bytes, async (chunk) => {
          own += chunk.length;
          total += chunk.length;
          if (own > maxBytes) throw new Error(`${origin} has more than ${maxBytes} bytes`);
          await makeRoom();
          if (total > maxBytes) throw new Error(`${origin} has no room beside the wheels that are in use`);
        });
        if (found !== sha256) throw new Error(`${origin} has not the hash that its index tells`);
        await rename(temporary, pathOf(sha256));
        // The same bytes take the place of those that are there, and whoever reads these goes on counting as their reader.
        if (!kept.has(sha256)) {
          kept.set(sha256, { bytes: own, readers: 0 });
          own = 0;
        }
      } finally {
        await rm(temporary, { force: true });
        total -= own;
      }
    },
  };
}

/** What an earlier daemon has left, in the order of its use. */
async function readKept(directory: string): Promise<Map<string, Kept>> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.whl'));
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name));
      return { sha256: name.slice(0, -'.whl'.length), bytes: size, mtimeMs };
    }),
  );
  const inOrder = files.toSorted((left, right) => left.mtimeMs - right.mtimeMs);
  return new Map(inOrder.map(({ sha256, bytes }) => [sha256, { bytes, readers: 0 }]));
}
