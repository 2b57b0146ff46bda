import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ArtifactMissing, DigestMismatch, openArtifactDirectory } from './artifacts.ts';
import { hashFile, sha256 } from './digest.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'doubleblind-artifacts-'));

test('bytes come back under the digest of their content, whole and in pieces', async () => {
  const store = await openArtifactDirectory(temporary());
  const bytes = Buffer.from('hello, artifacts');
  const stored = await store.put(bytes);
  expect(stored).toEqual({ digest: sha256(bytes), sizeBytes: 16, alreadyStored: false });
  expect((await store.put(bytes)).alreadyStored).toBe(true);
  expect(await store.get(stored.digest)).toEqual(bytes);
  const pieces: string[] = [];
  for await (const piece of store.stream(stored.digest, 7)) pieces.push(piece.toString());
  expect(pieces).toEqual(['hello, ', 'artifac', 'ts']);
  expect(await store.list()).toEqual([stored.digest]);
  expect(await hashFile(store.pathOf(stored.digest))).toBe(stored.digest);
});

test('bytes that do not hash to the announced digest leave nothing behind', async () => {
  const directory = temporary();
  const store = await openArtifactDirectory(directory);
  await expect(store.put(Buffer.from('a'), sha256('b'))).rejects.toBeInstanceOf(DigestMismatch);
  expect(await store.list()).toEqual([]);
  expect(readdirSync(join(directory, 'incoming'))).toEqual([]);
});

test('a source that fails half-way leaves nothing behind', async () => {
  const store = await openArtifactDirectory(temporary());
  const source = async function* () {
    yield Buffer.from('half');
    throw new Error('the line is cut');
  };
  await expect(store.put(source())).rejects.toThrow('the line is cut');
  expect(await store.list()).toEqual([]);
});

test('an unfinished write of an earlier process is gone after opening', async () => {
  const directory = temporary();
  await openArtifactDirectory(directory);
  writeFileSync(join(directory, 'incoming', 'left-over'), 'x');
  await openArtifactDirectory(directory);
  expect(readdirSync(join(directory, 'incoming'))).toEqual([]);
});

test('a missing artifact has an error of its own, and removing it is no error', async () => {
  const store = await openArtifactDirectory(temporary());
  const name = sha256('nothing');
  await expect(store.get(name)).rejects.toBeInstanceOf(ArtifactMissing);
  const reading = async (): Promise<void> => {
    for await (const _ of store.stream(name));
  };
  await expect(reading()).rejects.toBeInstanceOf(ArtifactMissing);
  expect(await store.has(name)).toBe(false);
  await store.remove(name);
});
