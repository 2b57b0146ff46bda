// Artifacts of the coordinator, with a cache on this host's disk.
//
// Owns: the cache and its bound; that bytes are what their digest says; trying again.
// Leaves to shared/store: writing files that are whole or not there.
// Invariants: 1. nobody gets bytes that do not hash to the digest asked for; 2. the cache holds at most `maxBytes` after
// each addition, the least recently used going first; 3. one digest is read or fetched once at a time, whoever asks.

import type { Clock } from '../../shared/clock.ts';
import type { Digest } from '../../shared/core/ids.ts';
import type { Logger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type ArtifactDirectory, DigestMismatch } from '../../shared/store/artifacts.ts';
import { sha256, sha256InTurns } from '../../shared/store/digest.ts';
import { retrying } from '../retry.ts';

/** The coordinator's ArtifactService as this host needs it; failures are RpcFaults. */
export interface RemoteArtifacts {
  fetch(digest: Digest, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Stores bytes that hash to the digest; storing them twice is no error. */
  store(digest: Digest, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
}

export interface ArtifactClient {
  /** The bytes; waits for a coordinator that is away up to the patience, then rejects. */
  get(digest: Digest): Promise<Buffer>;
  /** Stores bytes and returns their digest; tries again until it works or the signal aborts. */
  put(bytes: Uint8Array, signal: AbortSignal): Promise<Digest>;
}

export interface ArtifactClientOptions {
  readonly remote: RemoteArtifacts;
  readonly cache: ArtifactDirectory;
  readonly maxBytes: number;
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Aborts when the daemon stops. Fetching is shared, so it does not end with the attempt that asked first. */
  readonly signal: AbortSignal;
}

const pauses = { baseMs: 200, capMs: 5000 };

export async function createArtifactClient(options: ArtifactClientOptions): Promise<ArtifactClient> {
  const { cache, remote, clock, random, log, signal } = options;
  const recency = await openRecency(cache, options.maxBytes);
  const fetching = new Map<Digest, Promise<Buffer>>();

  async function get(digest: Digest): Promise<Buffer> {
    const running = fetching.get(digest);
    if (running !== undefined) return await running;
    const started = bytesOf(digest).finally(() => fetching.delete(digest));
    fetching.set(digest, started);
    return await started;
  }

  async function bytesOf(digest: Digest): Promise<Buffer> {
    if (!(await cache.has(digest))) return await fetchIntoCache(digest);
    recency.touch(digest);
    const bytes = await cache.get(digest);
    if ((await sha256InTurns(bytes)) === digest) return bytes;
    log.warn({ digest, path: cache.pathOf(digest) }, 'a cached artifact is not what was stored: it is fetched again');
    await cache.remove(digest);
    return await fetchIntoCache(digest);
  }

  async function fetchIntoCache(digest: Digest): Promise<Buffer> {
    const stored = await retrying(() => cache.put(remote.fetch(digest, signal), digest), {
      clock,
      signal,
      random,
      ...pauses,
      patienceMs: options.patienceMs,
      mayHelp: (error) => isAway(error) || error instanceof DigestMismatch,
      onRetry: (error, retry) => log.warn({ error, digest, retry }, 'an artifact could not be fetched; trying again'),
    });
    const bytes = await cache.get(digest);
    await recency.add(digest, stored.sizeBytes);
    return bytes;
  }

  async function put(bytes: Uint8Array, ownSignal: AbortSignal): Promise<Digest> {
    const digest = sha256(bytes);
    await retrying(() => remote.store(digest, bytes, ownSignal), {
      clock,
      signal: ownSignal,
      random,
      ...pauses,
      patienceMs: Number.POSITIVE_INFINITY,
      mayHelp: isAway,
      onRetry: (error, retry) => log.warn({ error, digest, retry }, 'an artifact could not be stored; trying again'),
    });
    return digest;
  }

  return { get, put };
}

/** Anything but a refusal that would be the same next time. */
function isAway(error: unknown): boolean {
  if (!(error instanceof RpcFault)) return false;
  // The attempt has stored all that it may; that does not change while it waits.
  if (error.reason === 'attemptStorageFull') return false;
  return !['invalidArgument', 'notFound', 'permissionDenied', 'unimplemented', 'outOfRange'].includes(error.code);
}

interface Recency {
  touch(digest: Digest): void;
  add(digest: Digest, sizeBytes: number): Promise<void>;
}

async function openRecency(cache: ArtifactDirectory, maxBytes: number): Promise<Recency> {
  // A Map keeps the order of insertion, so the least recently used comes first.
  const sizes = new Map<Digest, number>();
  for (const digest of await cache.list()) sizes.set(digest, (await cache.size(digest)) ?? 0);
  return {
    touch(digest) {
      const size = sizes.get(digest);
      if (size === undefined) return;
      sizes.delete(digest);
      sizes.set(digest, size);
    },
    async add(digest, sizeBytes) {
      sizes.delete(digest);
      sizes.set(digest, sizeBytes);
      let total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
      for (const [oldest, size] of sizes) {
        if (total <= maxBytes) return;
        sizes.delete(oldest);
        total -= size;
        await cache.remove(oldest);
      }
    },
  };
}
