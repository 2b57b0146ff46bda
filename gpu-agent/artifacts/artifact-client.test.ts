import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import type { Digest } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { openArtifactDirectory } from '../../shared/store/artifacts.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { packFiles } from '../../shared/store/tree.ts';
import { MemoryArtifacts } from '../testing/agent-rig.ts';
import { type ArtifactClient, createArtifactClient, type RemoteArtifacts } from './artifact-client.ts';
import { openBundles } from './bundles.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-artifacts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const signal = new AbortController().signal;

async function client(remote: RemoteArtifacts, maxBytes = 1000, patienceMs = 2000): Promise<ArtifactClient> {
  const cache = await openArtifactDirectory(join(directory, 'cache'));
  const random = (): number => 0;
  return await createArtifactClient({
    remote,
    cache,
    maxBytes,
    patienceMs,
    clock: systemClock,
    log: silentLogger,
    random,
    signal,
  });
}

test('an artifact is fetched once, whoever asks at the same time, and comes from the disk afterwards', async () => {
  const remote = new MemoryArtifacts();
  const digest = remote.add(Buffer.from('one'));
  let fetched = 0;
  const counting: RemoteArtifacts = {
    fetch: (name) => {
      fetched += 1;
      return remote.fetch(name);
    },
    store: (name, bytes) => remote.store(name, bytes),
  };
  const artifacts = await client(counting);
  await Promise.all([artifacts.get(digest), artifacts.get(digest)]);
  expect((await artifacts.get(digest)).toString()).toBe('one');
  expect(fetched).toBe(1);
});

test('bytes that are not what their digest says reach nobody', async () => {
  const forged: RemoteArtifacts = {
    async *fetch() {
      yield await Promise.resolve(Buffer.from('forged'));
    },
    store: () => Promise.resolve(),
  };
  const artifacts = await client(forged, 1000, 100);
  await expect(artifacts.get(sha256('real'))).rejects.toThrow('hash');
});

test('a cached file that has changed on the disk reaches nobody: the artifact is fetched again', async () => {
  const remote = new MemoryArtifacts();
  const digest = remote.add(Buffer.from('one'));
  const artifacts = await client(remote);
  await artifacts.get(digest);
  const path = join(directory, 'cache', digest.slice(0, 2), digest);
  writeFileSync(path, 'two');
  const both = await Promise.all([artifacts.get(digest), artifacts.get(digest)]);
  expect(both.map(String)).toEqual(['one', 'one']);
  expect(readFileSync(path, 'utf8')).toBe('one');
});

test('the cache keeps its bound, and the least recently used goes first', async () => {
  const remote = new MemoryArtifacts();
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => remote.add(Buffer.alloc(400, letter))) as [Digest, Digest, Digest];
  const artifacts = await client(remote);
  await artifacts.get(a);
  await artifacts.get(b);
  await artifacts.get(a);
  await artifacts.get(c);
  remote.files.clear();
  await expect(artifacts.get(b)).rejects.toThrow('no such artifact');
  expect((await artifacts.get(a)).length).toBe(400);
});

test('storing waits for a coordinator that is away, until it is told to stop', async () => {
  const remote = new MemoryArtifacts();
  remote.away = true;
  const artifacts = await client(remote);
  const stopping = new AbortController();
  const stopped = artifacts.put(Buffer.from('x'), stopping.signal);
  const stored = artifacts.put(Buffer.from('y'), signal);
  stopping.abort(new Error('enough'));
  await expect(stopped).rejects.toThrow('enough');
  remote.away = false;
  expect(remote.files.has(await stored)).toBe(true);
});

test('a bundle is unpacked once, readable by everybody and writable by nobody in a sandbox', async () => {
  const remote = new MemoryArtifacts();
  const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text), executable: false });
  const digest = remote.add(await packFiles([file('train.csv', 'id\n1\n'), file('images/a.txt', 'a')]));
  const bundles = await bundlesOver(remote, 2 ** 20);
  const [bundle] = await Promise.all([bundles.get(digest), bundles.get(digest)]);
  expect(bundle.files).toEqual(['images/a.txt (1 kB)', 'train.csv (1 kB)']);
  expect(statSync(bundle.directory).mode & 0o777).toBe(0o755);
  expect(statSync(join(bundle.directory, 'images')).mode & 0o777).toBe(0o755);
  expect(statSync(join(bundle.directory, 'images/a.txt')).mode & 0o777).toBe(0o444);
});

test('unpacked bundles keep their bound: the least recently used go, but for those that attempts need', async () => {
  const remote = new MemoryArtifacts();
  const pack = async (letter: string): Promise<Digest> =>
    remote.add(await packFiles([{ path: 'train.csv', bytes: Buffer.alloc(400, letter), executable: false }]));
  const [a, b, c, d] = [await pack('a'), await pack('b'), await pack('c'), await pack('d')];
  const needed = new Set<Digest>();
  const bundles = await bundlesOver(remote, 1000, needed);
  const there = () => [a, b, c, d].map((digest) => existsSync(join(directory, 'bundles', digest)));
  await bundles.get(a);
  await bundles.get(b);
  await bundles.get(a);
  await bundles.get(c);
  expect(there()).toEqual([true, false, true, false]);
  // Also what an earlier daemon unpacked counts.
  needed.add(a);
  needed.add(c);
  await (await bundlesOver(remote, 1000, needed)).get(d);
  expect(there()).toEqual([true, false, true, true]);
});

test('a bundle that an attempt asks for while it is removed is whole when the attempt gets it, and stays', async () => {
  const remote = new MemoryArtifacts();
  const pack = async (letter: string): Promise<Digest> => {
    const file = (_: unknown, index: number) => ({
      path: `${index}.csv`,
      bytes: Buffer.from(letter),
      executable: false,
    });
    return remote.add(await packFiles(Array.from({ length: 500 }, file)));
  };
  const [old, next] = [await pack('a'), await pack('b')];
  const booked = new Set([next]);
  const late = Promise.withResolvers<{ readonly files: readonly string[] }>();
  // The moment after the look at the book is the earliest in which an attempt can be missed by it.
  const inUse = (): ReadonlySet<Digest> => {
    if (!booked.has(old) && existsSync(join(directory, 'bundles', next))) {
      queueMicrotask(() => {
        booked.add(old);
        void bundles.get(old).then(late.resolve, late.reject);
      });
    }
    return new Set(booked);
  };
  const artifacts = await client(remote, 2 ** 20);
  const bundles = await openBundles({ directory: join(directory, 'bundles'), artifacts, maxBytes: 600, inUse });
  await bundles.get(old);
  await bundles.get(next);
  expect((await late.promise).files).toHaveLength(500);
  expect(readdirSync(join(directory, 'bundles', old))).toHaveLength(500);
  await vi.waitFor(() => expect(readdirSync(join(directory, 'bundles', 'incoming'))).toEqual([]));
});

async function bundlesOver(remote: RemoteArtifacts, maxBytes: number, needed: ReadonlySet<Digest> = new Set()) {
  const artifacts = await client(remote, 100_000);
  return await openBundles({ directory: join(directory, 'bundles'), artifacts, maxBytes, inUse: () => needed });
}
