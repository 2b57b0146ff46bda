// Small artifacts in one database instead of a file each: what an attempt stores takes one write and one wait for the disk then, not
// four files, and a hundred thousand attempts are not half a million files.
// Invariants: 1. What `put` has resolved for is on the disk. 2. All that is put in one turn of the thread, and all that comes while the
// disk is written, is waited for together. 3. What is stored under a digest never changes.

import { type Digest, digest } from '../core/ids.ts';
import { openDatabase } from './sqlite.ts';

const migrations = [
  // The digest as its 32 bytes, the time in milliseconds since 1970. With a rowid: the index on digests stays small, whatever the contents.
  'CREATE TABLE artifacts (digest BLOB NOT NULL UNIQUE, stored_ms INTEGER NOT NULL, content BLOB NOT NULL) STRICT',
];

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
  /** Rejects when the disk has failed: nothing more can be stored by this process. */
  readonly failed: Promise<never>;
  close(): void;
}

interface Waiting {
  readonly name: Digest;
  readonly content: Uint8Array;
  isKnown: boolean;
}

/** Opens the database, which is made where it is not there. */
export function openSmallArtifacts(path: string): SmallArtifacts {
  const database = openDatabase({ path, migrations });
  const touch = (name: Digest): boolean =>
    database.run('UPDATE artifacts SET stored_ms = ? WHERE digest = ?', Date.now(), keyOf(name)).changes > 0;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  let batch: { readonly waiting: Waiting[]; readonly written: Promise<void> } | undefined;

  async function write(waiting: readonly Waiting[]): Promise<void> {
    // Nothing of this turn is waited for twice.
    await Promise.resolve();
    batch = undefined;
    database.relaxed(() => {
      for (const one of waiting) {
        const sql =
          'INSERT INTO artifacts (digest, stored_ms, content) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING';
        one.isKnown = database.run(sql, keyOf(one.name), Date.now(), one.content).changes === 0 && touch(one.name);
      }
    });
    await database.flush().catch((error: unknown) => {
      failure.reject(error);
      throw error;
    });
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
      database.relaxed(
        () =>
          database.run('DELETE FROM artifacts WHERE digest = ? AND stored_ms < ?', keyOf(name), storedBeforeMs)
            .changes > 0,
      ),
    remove(name) {
      database.relaxed(() => database.run('DELETE FROM artifacts WHERE digest = ?', keyOf(name)));
    },
    async list() {
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
    },
    failed: failure.promise,
    close: () => database.close(),
  };
}

function keyOf(name: Digest): Buffer {
  return Buffer.from(name, 'hex');
}
