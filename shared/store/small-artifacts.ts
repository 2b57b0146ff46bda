// Small artifacts in one database instead of a file each: what an attempt stores takes one write and one wait for the disk then, not
// four files, and a hundred thousand attempts are not half a million files.
// Invariants: 1. What `put` has resolved for is on the disk. 2. All that is put in one turn of the thread, and all that comes while the
// disk is written, is waited for together. 3. What is stored under a digest never changes. 4. A file that cannot be used any more is
// told of by `failed`; a disk that is full is not, for there may be room again.

import { type Digest, digest } from '../core/ids.ts';
import { type Database, isBroken, openDatabase } from './sqlite.ts';

const migrations = [
  // The digest as its 32 bytes, the time in milliseconds since 1970. With a rowid: the index on digests stays small, whatever the contents.
  'CREATE TABLE artifacts (digest BLOB NOT NULL UNIQUE, stored_ms INTEGER NOT NULL, content BLOB NOT NULL) STRICT',
];
/** 16 MiB: the same pages of the index are written again and again, so a longer log writes fewer of them back, and more seldom. */
const checkpointPages = 4000;
/** Pages given back without letting others have the thread. */
const pagesAtOnce = 500;

export interface SmallArtifacts {
  /** Size in bytes, or undefined where it is not there. */
  size(name: Digest): number | undefined;
  get(name: Digest): Buffer | undefined;
  /** Stores bytes that have this digest, or takes them as if they were stored now; true where they were there already. */
  put(name: Digest, content: Uint8Array): Promise<boolean>;
  /** Takes it as if it were stored now; false where it is not there. */
  touch(name: Digest): boolean;
  /** Removes it where it was last stored before that moment; true where it did. */
  removeStale(name: Digest, storedBeforeMs: number): boolean;
  remove(name: Digest): void;
  /** All digests; others have the thread in between. */
  list(): Promise<Digest[]>;
  /** Gives the room of what was removed back to the file system; others have the thread in between. */
  giveRoomBack(): Promise<void>;
  /** Rejects when the file cannot be used any more: nothing can be stored by this process. */
  readonly failed: Promise<never>;
  close(): void;
}

interface Waiting {
  readonly name: Digest;
  readonly content: Uint8Array;
  isKnown: boolean;
}

/** Told how many milliseconds passed until what came together was on the disk. */
type OnStored = (waitMs: number) => void;

/** Opens the database, which is made where it is not there. */
export function openSmallArtifacts(path: string, onStored?: OnStored): SmallArtifacts {
  return smallArtifactsIn(openDatabase({ path, migrations, checkpointPages, givesRoomBack: true }), onStored);
}

/** The artifacts of a database that `openSmallArtifacts` has made. */
export function smallArtifactsIn(database: Database, onStored?: OnStored): SmallArtifacts {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  let batch: { readonly waiting: Waiting[]; readonly written: Promise<void> } | undefined;
  const touch = (name: Digest): boolean =>
    database.run('UPDATE artifacts SET stored_ms = ? WHERE digest = ?', Date.now(), keyOf(name)).changes > 0;

  function store(one: Waiting): void {
    const sql = 'INSERT INTO artifacts (digest, stored_ms, content) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING';
    one.isKnown = database.run(sql, keyOf(one.name), Date.now(), one.content).changes === 0 && touch(one.name);
  }

  async function write(waiting: readonly Waiting[]): Promise<void> {
    const cameMs = performance.now();
    // Nothing of this turn is waited for twice.
    await Promise.resolve();
    batch = undefined;
    try {
      database.relaxed(() => waiting.forEach(store));
    } catch (error) {
      if (isBroken(error)) failure.reject(error);
      throw error;
    }
    await database.flush().catch((error: unknown) => {
      failure.reject(error);
      throw error;
    });
    onStored?.(performance.now() - cameMs);
  }

  return {
    size: (name) =>
      database.get<{ size: number }>('SELECT length(content) AS size FROM artifacts WHERE digest = ?', keyOf(name))
        ?.size,
    get(name) {
      const row = database.get<{ content: Uint8Array }>('SELECT content FROM artifacts WHERE digest = ?', keyOf(name));
      return row && Buffer.from(row.content.buffer, row.content.byteOffset, row.content.byteLength);
    },
    async put(name, content) {
      if (batch === undefined) {
        const waiting: Waiting[] = [];
        batch = { waiting, written: write(waiting) };
      }
      const one = { name, content, isKnown: false };
      batch.waiting.push(one);
      await batch.written;
      return one.isKnown;
    },
    touch: (name) => database.relaxed(() => touch(name)),
    removeStale: (name, storedBeforeMs) =>
      database.relaxed(() => {
        const sql = 'DELETE FROM artifacts WHERE digest = ? AND stored_ms < ?';
        return database.run(sql, keyOf(name), storedBeforeMs).changes > 0;
      }),
    remove(name) {
      database.relaxed(() => database.run('DELETE FROM artifacts WHERE digest = ?', keyOf(name)));
    },
    list: () => listOf(database),
    giveRoomBack: () => giveRoomBack(database),
    failed: failure.promise,
    close: () => database.close(),
  };
}

async function listOf(database: Database): Promise<Digest[]> {
  const found: Digest[] = [];
  for (let first = 0; first < 256; first += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    const rows = database.all<{ digest: Uint8Array }>(
      'SELECT digest FROM artifacts WHERE digest BETWEEN ? AND ?',
      Buffer.alloc(32, 0).fill(first, 0, 1),
      Buffer.alloc(32, 255).fill(first, 0, 1),
    );
    for (const row of rows) found.push(digest(Buffer.from(row.digest).toString('hex')));
  }
  return found;
}

async function giveRoomBack(database: Database): Promise<void> {
  const free = (): number => database.get<{ freelist_count: number }>('PRAGMA freelist_count')?.freelist_count ?? 0;
  for (let before = free(); before > 0; ) {
    database.relaxed(() => database.all(`PRAGMA incremental_vacuum(${pagesAtOnce})`));
    await new Promise((resolve) => setImmediate(resolve));
    const after = free();
    // Others may have freed more meanwhile; they are for the next time.
    if (after >= before) return;
    before = after;
  }
}

function keyOf(name: Digest): Buffer {
  return Buffer.from(name, 'hex');
}
