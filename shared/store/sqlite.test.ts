import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from './sqlite.ts';

const migrations = [
  'CREATE TABLE book (n INTEGER PRIMARY KEY, text TEXT NOT NULL)',
  'ALTER TABLE book ADD COLUMN extra TEXT',
];
const freshPath = (): string => join(mkdtempSync(join(tmpdir(), 'doubleblind-sqlite-')), 'state', 'book.db');

test('a database keeps its rows over a reopen and runs each migration once', () => {
  const path = freshPath();
  const first = openDatabase({ path, migrations: migrations.slice(0, 1) });
  first.run('INSERT INTO book (text) VALUES (?)', 'one');
  first.close();
  const second = openDatabase({ path, migrations });
  expect(second.all('SELECT n, text, extra FROM book')).toEqual([{ n: 1, text: 'one', extra: null }]);
  expect(second.get<{ journal_mode: string }>('PRAGMA journal_mode')?.journal_mode).toBe('wal');
  expect(second.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous).toBe(2);
  second.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a relaxed transaction is whole, and what follows waits for the disk again', () => {
  const path = freshPath();
  const first = openDatabase({ path, migrations });
  expect(first.relaxed(() => first.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous)).toBe(1);
  expect(() =>
    first.relaxed(() => {
      first.run('INSERT INTO book (text) VALUES (?)', 'lost');
      throw new Error('stop');
    }),
  ).toThrow('stop');
  first.relaxed(() => first.run('INSERT INTO book (text) VALUES (?)', 'kept'));
  const synchronous = (): unknown => first.get('PRAGMA synchronous')?.['synchronous'];
  expect(first.transaction(synchronous)).toBe(2);
  first.relaxed(() => first.run('INSERT INTO book (text) VALUES (?)', 'relaxed'));
  first.run('INSERT INTO book (text) VALUES (?)', 'alone');
  expect(synchronous()).toBe(2);
  // A transaction that waits for the disk does so with all that it holds.
  first.transaction(() => first.relaxed(() => first.run('INSERT INTO book (text) VALUES (?)', 'inside')));
  const second = openDatabase({ path, migrations });
  const texts = second.all<{ text: string }>('SELECT text FROM book').map(({ text }) => text);
  expect(texts).toEqual(['kept', 'relaxed', 'alone', 'inside']);
  second.close();
  first.close();
});

test('what was written can be waited for without stopping the thread, by many at once, also after a reopen', async () => {
  const path = freshPath();
  openDatabase({ path, migrations }).close();
  const database = openDatabase({ path, migrations });
  await database.flush();
  database.relaxed(() => database.run('INSERT INTO book (text) VALUES (?)', 'one'));
  const waiting = [database.flush(), database.flush(), database.flush()];
  // One runs, and those that came while it ran share the next.
  expect(new Set(waiting).size).toBe(2);
  await Promise.all(waiting);
  await database.flush();
  // Who closes it does not wait, and nothing is left open.
  const last = database.flush();
  database.close();
  await last;
  // What could not be written is not said to be on disk when one asks again.
  const gone = openDatabase({ path: freshPath(), migrations });
  gone.close();
  await expect(gone.flush()).rejects.toThrow(/book\.db may not be on the disk/);
  await expect(gone.flush()).rejects.toThrow(/book\.db may not be on the disk/);
  const inMemory = openDatabase({ path: ':memory:', migrations });
  await inMemory.flush();
  inMemory.close();
});

test('a transaction that throws leaves nothing behind, its inner one included', () => {
  const database = openDatabase({ path: ':memory:', migrations });
  expect(() =>
    database.transaction(() => {
      database.run('INSERT INTO book (text) VALUES (?)', 'lost');
      database.transaction(() => database.run('INSERT INTO book (text) VALUES (?)', 'lost too'));
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(database.all('SELECT * FROM book')).toEqual([]);
  expect(database.transaction(() => database.run('INSERT INTO book (text) VALUES (?)', 'kept').changes)).toBe(1);
  database.close();
});

test('an asynchronous function in a transaction is refused', () => {
  const database = openDatabase({ path: ':memory:', migrations });
  expect(() => database.transaction(async () => undefined)).toThrow('synchronous');
  database.close();
});

test('a database of a newer program is refused with a sentence', () => {
  const path = freshPath();
  openDatabase({ path, migrations }).close();
  expect(() => openDatabase({ path, migrations: [] })).toThrow(/cannot open the database/);
});

test('two loops over the same statement do not disturb each other', () => {
  const database = openDatabase({ path: ':memory:', migrations });
  for (const text of ['a', 'b']) database.run('INSERT INTO book (text) VALUES (?)', text);
  const seen: string[] = [];
  for (const outer of database.iterate<{ text: string }>('SELECT text FROM book ORDER BY n')) {
    for (const inner of database.iterate<{ text: string }>('SELECT text FROM book ORDER BY n'))
      seen.push(outer.text + inner.text);
  }
  expect(seen).toEqual(['aa', 'ab', 'ba', 'bb']);
  database.close();
});
