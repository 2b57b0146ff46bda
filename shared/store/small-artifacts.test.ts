import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ArtifactDirectory, ArtifactMissing, openArtifactDirectory, smallBytes } from './artifacts.ts';
import { sha256 } from './digest.ts';
import { openSmallArtifacts } from './small-artifacts.ts';

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

test('what is stored again is as if it were new, and what was stored since stays', async () => {
  const store = openSmallArtifacts(join(temporary(), 'small.db'));
  const name = sha256('x');
  expect([store.touch(name), await store.put(name, Buffer.from('x')), store.touch(name)]).toEqual([false, false, true]);
  expect(await store.put(name, Buffer.from('x'))).toBe(true);
  expect(store.removeStale(name, Date.now() - 1000)).toBe(false);
  expect(store.get(name)?.toString()).toBe('x');
  store.remove(name);
  expect([store.get(name), store.size(name)]).toEqual([undefined, undefined]);
  store.close();
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
