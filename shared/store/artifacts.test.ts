import { mkdtempSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type ArtifactDirectoryOptions,
  ArtifactMissing,
  DigestMismatch,
  openArtifactDirectory,
  smallBytes,
} from './artifacts.ts';
import { sha256 } from './digest.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'doubleblind-artifacts-'));

const ways: [string, ArtifactDirectoryOptions][] = [
  ['a file each', {}],
  ['small ones together', { smallTogether: true }],
];

describe.each(ways)('%s', (_, options) => {
  test('bytes come back under the digest of their content, whole and in pieces', async () => {
    const store = await openArtifactDirectory(temporary(), options);
    const bytes = Buffer.from('hello, artifacts');
    const stored = await store.put(bytes);
    expect(stored).toEqual({ digest: sha256(bytes), sizeBytes: 16, alreadyStored: false });
    expect((await store.put(bytes)).alreadyStored).toBe(true);
    expect(await store.get(stored.digest)).toEqual(bytes);
    const pieces: string[] = [];
    for await (const piece of store.stream(stored.digest, 7)) pieces.push(piece.toString());
    expect(pieces).toEqual(['hello, ', 'artifac', 'ts']);
    for (const recentBytes of [0, 100]) {
      const again = await openArtifactDirectory(temporary(), { ...options, recentBytes });
      await again.put(bytes);
      const rest: Buffer[] = [];
      for await (const piece of again.stream(stored.digest, 7, 5)) rest.push(piece);
      expect(rest.join('|')).toBe(', artif|acts');
      for await (const _ of again.stream(stored.digest, 7, 16)) expect.unreachable();
    }
    expect(await store.list()).toEqual([stored.digest]);
    expect(sha256(await store.get(stored.digest))).toBe(stored.digest);
  });

  test('bytes that do not hash to the announced digest leave nothing behind', async () => {
    const directory = temporary();
    const store = await openArtifactDirectory(directory, options);
    await expect(store.put(Buffer.from('a'), sha256('b'))).rejects.toBeInstanceOf(DigestMismatch);
    expect(await store.list()).toEqual([]);
    expect(readdirSync(join(directory, 'incoming'))).toEqual([]);
  });

  test('a missing artifact has an error of its own, and removing it is no error', async () => {
    const store = await openArtifactDirectory(temporary(), options);
    const name = sha256('nothing');
    await expect(store.get(name)).rejects.toBeInstanceOf(ArtifactMissing);
    const reading = async (): Promise<void> => {
      for await (const _ of store.stream(name));
    };
    await expect(reading()).rejects.toBeInstanceOf(ArtifactMissing);
    expect(await store.has(name)).toBe(false);
    await store.remove(name);
  });

  test('small and large artifacts are stored alike', async () => {
    const store = await openArtifactDirectory(temporary(), options);
    for (const length of [0, 1, smallBytes, smallBytes + 1, 3 * smallBytes]) {
      const bytes = Buffer.alloc(length, 'x');
      const stored = { digest: sha256(bytes), sizeBytes: length };
      expect(await store.put(bytes, stored.digest)).toEqual({ ...stored, alreadyStored: false });
      expect(await store.put(bytes)).toEqual({ ...stored, alreadyStored: true });
      expect(sha256(await store.get(stored.digest))).toBe(stored.digest);
      expect(await store.size(stored.digest)).toBe(length);
      await expect(store.put(bytes, sha256('others'))).rejects.toBeInstanceOf(DigestMismatch);
    }
  });
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

test('what is kept in memory is given like a file, and is gone with it', async () => {
  const store = await openArtifactDirectory(temporary(), { recentBytes: 1000 });
  const { digest: name } = await store.put(Buffer.from('a small one'));
  const read = async (): Promise<string[]> => {
    const pieces: string[] = [];
    for await (const piece of store.stream(name, 4)) pieces.push(piece.toString());
    return pieces;
  };
  // The file itself is away, so that only memory can answer.
  renameSync(store.pathOf(name), `${store.pathOf(name)}.away`);
  expect(await read()).toEqual(['a sm', 'all ', 'one']);
  expect(await store.size(name)).toBe(11);
  expect((await store.get(name)).toString()).toBe('a small one');
  // Whoever stores it is told the truth about the disk, and mends it.
  expect((await store.put(Buffer.from('a small one'))).alreadyStored).toBe(false);
  expect(store.removeStale(name, Date.now() + 60_000)).toBe(true);
  expect(await store.size(name)).toBeUndefined();
  await expect(read()).rejects.toBeInstanceOf(ArtifactMissing);
  await store.put(Buffer.from('a small one'));
  await store.remove(name);
  await expect(store.get(name)).rejects.toBeInstanceOf(ArtifactMissing);
});
