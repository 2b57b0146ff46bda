import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../shared/store/digest.ts';
import { openWheelCache, type WheelCache } from './wheel-cache.ts';

let directory: string;
let cache: WheelCache;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'wheel-cache-'));
  cache = await openWheelCache(directory, 1000);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Four hundred bytes, so that two have room. */
const bytesOf = (letter: string): Buffer => Buffer.alloc(400, letter);
const hashOf = (letter: string): string => sha256(bytesOf(letter));
const take = (letter: string) => cache.take(hashOf(letter), Readable.from([bytesOf(letter)]), letter);
const isKept = (letter: string) => existsSync(join(directory, `${hashOf(letter)}.whl`));

async function use(letter: string): Promise<void> {
  const file = await cache.open(hashOf(letter));
  await file?.close();
}

test('the least recently used makes room', async () => {
  for (const letter of ['a', 'b']) await take(letter);
  await use('a');
  await take('c');
  expect(['a', 'b', 'c'].map(isKept)).toEqual([true, false, true]);
  expect(await cache.open(hashOf('b'))).toBeUndefined();
});

test('one that is being read makes no room before it is closed', async () => {
  for (const letter of ['a', 'b']) await take(letter);
  const open = [await cache.open(hashOf('a')), await cache.open(hashOf('b'))];
  await expect(take('c')).rejects.toThrow('c has no room');
  expect(['a', 'b', 'c'].map(isKept)).toEqual([true, true, false]);
  await open[0]?.close();
  await take('c');
  expect(['a', 'b', 'c'].map(isKept)).toEqual([false, true, true]);
  await open[1]?.close();
});

test('what an earlier daemon has left counts, and what somebody else removed is not there', async () => {
  for (const letter of ['a', 'b']) await take(letter);
  cache = await openWheelCache(directory, 500);
  expect(['a', 'b'].filter(isKept)).toHaveLength(1);
  cache = await openWheelCache(directory, 1000);
  await take('c');
  rmSync(join(directory, `${hashOf('c')}.whl`));
  expect(await cache.open(hashOf('c'))).toBeUndefined();
  await take('c');
  expect(isKept('c')).toBe(true);
});

test('one that is found removed by several at once, or comes again while it is read, counts once', async () => {
  await take('a');
  rmSync(join(directory, `${hashOf('a')}.whl`));
  expect(await Promise.all([1, 2, 3, 4].map(() => cache.open(hashOf('a'))))).toEqual(Array(4).fill(undefined));
  for (const letter of ['b', 'c', 'd']) await take(letter);
  expect(['b', 'c', 'd'].map(isKept)).toEqual([false, true, true]);
  const open = await cache.open(hashOf('c'));
  await take('c');
  await open?.close();
  for (const letter of ['e', 'f']) await take(letter);
  expect(['c', 'd', 'e', 'f'].map(isKept)).toEqual([false, false, true, true]);
});
