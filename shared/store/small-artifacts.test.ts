import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ArtifactDirectory, ArtifactMissing, openArtifactDirectory, smallBytes } from './artifacts.ts';
import { sha256 } from './digest.ts';
import { openSmallArtifacts, smallArtifactsIn } from './small-artifacts.ts';
import { type Database, openDatabase } from './sqlite.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'doubleblind-small-'));

async function textOf(store: ArtifactDirectory, name: ReturnType<typeof sha256>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of store.stream(name, 4)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test('small ones make no file of their own, large ones do, and both are there when the store is opened again', async () => {
  const directory = temporary();
  const store = await openArtifactDirectory(directory, { smallTogether: true });
  const small = await store.put(Buffer.from('a small one'));
  const large = await store.put(Buffer.alloc(smallBytes + 1, 'x'));
  expect([small, large].map(({ digest }) => existsSync(store.pathOf(digest)))).toEqual([false, true]);
  store.close();
  const again = await openArtifactDirectory(directory, { smallTogether: true });
  expect(await textOf(again, small.digest)).toBe('a small one');
  expect(new Set(await again.list())).toEqual(new Set([small.digest, large.digest]));
  again.close();
});

test('how long small ones waited for the disk is told once for all that came together', async () => {
  const waits: number[] = [];
  const store = await openArtifactDirectory(temporary(), {
    smallTogether: true,
    onSmallStored: (ms) => waits.push(ms),
  });
  await Promise.all(['a', 'b', 'c'].map((text) => store.put(Buffer.from(text))));
  await store.put(Buffer.alloc(smallBytes + 1));
  expect(waits).toHaveLength(1);
  expect(waits[0]).toBeGreaterThan(0);
  store.close();
});

test('files of small artifacts from before are read, listed, and go when they are stale', async () => {
  const directory = temporary();
  const before = await openArtifactDirectory(directory);
  const { digest: name } = await before.put(Buffer.from('from before'));
  const store = await openArtifactDirectory(directory, { smallTogether: true });
  expect([await textOf(store, name), await store.size(name), await store.has(name)]).toEqual(['from before', 11, true]);
  expect(await store.touch(name)).toBe(true);
  // Stored once more it is there twice, and is one.
  await store.put(Buffer.from('from before'));
  expect(await store.list()).toEqual([name]);
  expect(store.removeStale(name, Date.now() - 60_000)).toBe(false);
  expect(store.removeStale(name, Date.now() + 60_000)).toBe(true);
  expect([await store.has(name), await store.list()]).toEqual([false, []]);
  await expect(store.get(name)).rejects.toBeInstanceOf(ArtifactMissing);
  store.close();
});

/** The database with some of what it does replaced. */
function databaseWith(changes: (database: Database) => Partial<Database> = () => ({})) {
  const path = join(temporary(), 'small.db');
  openSmallArtifacts(path).close();
  const database = openDatabase({ path, migrations: [''] });
  return { database, store: smallArtifactsIn({ ...database, ...changes(database) }) };
}

test('what is stored or touched again is as if it were new', async () => {
  const { database, store } = databaseWith();
  const name = sha256('x');
  expect([store.touch(name), await store.put(name, Buffer.from('x'))]).toEqual([false, false]);
  const again = [() => store.put(name, Buffer.from('x')), () => Promise.resolve(store.touch(name))];
  for (const act of again) {
    database.run('UPDATE artifacts SET stored_ms = 0');
    expect(await act()).toBe(true);
    expect(store.removeStale(name, Date.now() - 60_000)).toBe(false);
  }
  database.run('UPDATE artifacts SET stored_ms = 0');
  expect(store.removeStale(name, Date.now() - 60_000)).toBe(true);
  await store.put(name, Buffer.from('x'));
  store.remove(name);
  expect([store.get(name), store.size(name), await store.list()]).toEqual([undefined, undefined, []]);
  store.close();
});

test('nobody is told that it is stored before it is written and the disk has it; after the disk has failed nobody is, and the store says so', async () => {
  const disk: PromiseWithResolvers<void>[] = [];
  const rowsAtFlush: unknown[] = [];
  const { store } = databaseWith((database) => ({
    flush() {
      rowsAtFlush.push(database.get('SELECT count(*) AS rows FROM artifacts')?.['rows']);
      const wait = Promise.withResolvers<void>();
      disk.push(wait);
      return wait.promise;
    },
  }));
  const told: string[] = [];
  const put = async (text: string): Promise<void> => {
    await store.put(sha256(text), Buffer.from(text)).then(
      () => told.push(text),
      () => told.push(`not ${text}`),
    );
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const first = [put('a'), put('b')];
  await turn();
  const second = [put('c'), put('a')];
  await turn();
  expect([told, rowsAtFlush]).toEqual([[], [2, 3]]);
  disk[0]?.resolve();
  await Promise.all(first);
  expect(told).toEqual(['a', 'b']);
  const failed = expect(store.failed).rejects.toThrow('EIO');
  disk[1]?.reject(new Error('EIO'));
  await Promise.all([...second, failed]);
  expect(told).toEqual(['a', 'b', 'not c', 'not a']);
  store.close();
});

test('a file that cannot be used any more is told of, and a full disk is not', async () => {
  const faults = [13, 10 + (3 << 8)].map((errcode) => Object.assign(new Error(`kind ${errcode & 0xff}`), { errcode }));
  const { store } = databaseWith(() => ({
    relaxed() {
      throw faults.shift();
    },
  }));
  let failure = '';
  store.failed.catch((error: unknown) => {
    failure = String(error);
  });
  await expect(store.put(sha256('x'), Buffer.from('x'))).rejects.toThrow('kind 13');
  expect(failure).toBe('');
  await expect(store.put(sha256('x'), Buffer.from('x'))).rejects.toThrow('kind 10');
  expect(failure).toBe('Error: kind 10');
  store.close();
});

test('the room of what was removed is given back', async () => {
  const directory = temporary();
  const store = await openArtifactDirectory(directory, { smallTogether: true });
  const texts = Array.from({ length: 400 }, (_, index) => `${index}`.padEnd(20_000, 'x'));
  await Promise.all(texts.map((text) => store.put(Buffer.from(text))));
  for (const text of texts.slice(1)) expect(store.removeStale(sha256(text), Date.now() + 1000)).toBe(true);
  await store.giveRoomBack();
  expect((await store.get(sha256(texts[0] ?? ''))).toString()).toBe(texts[0]);
  store.close();
  expect(statSync(join(directory, 'small.db')).size).toBeLessThan(100_000);
});

test('many that are put at once are all there, the same one among them twice', async () => {
  const directory = temporary();
  const store = openSmallArtifacts(join(directory, 'small.db'));
  const texts = Array.from({ length: 500 }, (_, index) => `artifact ${index % 400}`);
  const known = await Promise.all(texts.map((text) => store.put(sha256(text), Buffer.from(text))));
  expect(known.filter((isKnown) => isKnown)).toHaveLength(100);
  expect(new Set(await store.list())).toEqual(new Set(texts.map((text) => sha256(text))));
  store.close();
  expect(readdirSync(directory)).toEqual(['small.db']);
});

test('where one cannot be stored those that came with it are refused too, and the next ones are not', async () => {
  const store = openSmallArtifacts(join(temporary(), 'small.db'));
  const refused = [
    store.put(sha256('good'), Buffer.from('good')),
    store.put(sha256('bad'), null as unknown as Uint8Array),
  ];
  for (const one of refused) await expect(one).rejects.toThrow('NOT NULL');
  expect(await store.list()).toEqual([]);
  expect(await store.put(sha256('good'), Buffer.from('good'))).toBe(false);
  store.close();
});
