// An index elsewhere as an index here: only the names that the operator lists, only wheels, only with a hash.
//
// Owns: the way out. It is the agent's daemon that asks, never a sandbox, and it asks only for listed names and for
// addresses that the index itself gave. Wheels are kept under their hash once they were read whole and found right, so
// that the clean-slate run does not depend on the index being there a second time.

import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Clock } from '../../shared/clock.ts';
import { ascending, normalName, projectOfWheel } from '../core/wheel.ts';
import { type IndexCredentials, openIndexCredentials } from './index-credentials.ts';
import { readListing } from './listing.ts';
import type { PackageIndex, Wheel } from './package-index.ts';
import { openWheel } from './wheel-folder.ts';

export interface IndexProxyOptions {
  /** The root of a simple index, such as https://HOST/simple. */
  readonly url: string;
  /** File with the index's name and password; none where left out. */
  readonly credentialsFile?: string;
  /** Names that may be asked for; their requirements must be listed as well. */
  readonly allow: readonly string[];
  /** Where wheels are kept. */
  readonly directory: string;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** Long enough for the many calls of one pip, short enough to see a new release the same hour. */
const listingAgeMs = 600_000;
const listingTimeoutMs = 30_000;
const wheelTimeoutMs = 540_000;
/** The longest listings of public indexes have some megabytes. */
const maxListingBytes = 32 * 2 ** 20;

interface Offered extends Wheel {
  readonly url: string;
}

export async function openIndexProxy(options: IndexProxyOptions): Promise<PackageIndex> {
  const credentials = openIndexCredentials(options.url, options.credentialsFile ?? '');
  // A file that cannot be used is told at the start and not when the first agent needs a package.
  await credentials.headersFor(options.url);
  const allowed = new Set(options.allow.map(normalName));
  const listings = new Map<string, { readonly atMs: number; readonly wheels: readonly Offered[] | undefined }>();
  const fetching = new Map<string, Promise<void>>();
  await rm(join(options.directory, 'incoming'), { recursive: true, force: true });
  await mkdir(join(options.directory, 'incoming'), { recursive: true, mode: 0o700 });

  async function listing(project: string): Promise<readonly Offered[] | undefined> {
    if (!allowed.has(project)) return undefined;
    const known = listings.get(project);
    const nowMs = options.clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < listingAgeMs) return known.wheels;
    try {
      const address = `${options.url.replace(/\/+$/, '')}/${project}/`;
      const wheels = await fetchListing(address, project, credentials);
      listings.set(project, { atMs: nowMs, wheels });
      return wheels;
    } catch (error) {
      if (known !== undefined) return known.wheels;
      throw error;
    }
  }

  async function kept({ sha256, url }: Offered): Promise<string> {
    const path = join(options.directory, `${sha256}.whl`);
    if (await exists(path)) {
      await utimes(path, new Date(), new Date());
      return path;
    }
    const running =
      fetching.get(sha256) ?? download(url, sha256, { ...options, credentials }).finally(() => fetching.delete(sha256));
    fetching.set(sha256, running);
    await running;
    return path;
  }

  return {
    projects: () => Promise.resolve(ascending(allowed)),
    wheels: listing,
    async open(project, fileName) {
      const wheel = (await listing(project))?.find((one) => one.fileName === fileName);
      return wheel === undefined ? undefined : await openWheel(await kept(wheel));
    },
  };
}

async function fetchListing(
  url: string,
  project: string,
  credentials: IndexCredentials,
): Promise<readonly Offered[] | undefined> {
  const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';
  const headers = { accept, ...(await credentials.headersFor(url)) };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(listingTimeoutMs) });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(answered(url, response.status));
  const text = await boundedText(response);
  const files = readListing(text, response.headers.get('content-type') ?? '', response.url);
  return files.filter((file) => projectOfWheel(file.fileName) === project);
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxListingBytes) throw new Error(`${response.url} has more than ${maxListingBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The index's address holds no credentials (config.ts), nor do those of its files (listing.ts). */
function answered(url: string, status: number): string {
  const why = status === 401 || status === 403 ? ': it wants other credentials; see packages.credentialsFile' : '';
  return `${url} answered ${status}${why}`;
}

interface DownloadOptions extends Pick<IndexProxyOptions, 'directory' | 'maxBytes'> {
  readonly credentials: IndexCredentials;
}

/** Read whole under another name, found to have the hash that was told, then renamed. */
async function download(url: string, sha256: string, options: DownloadOptions): Promise<void> {
  const { directory, maxBytes, credentials } = options;
  const temporary = join(directory, 'incoming', `${sha256}-${randomBytes(4).toString('hex')}`);
  try {
    const headers = await credentials.headersFor(url);
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(wheelTimeoutMs) });
    if (!response.ok || response.body === null) throw new Error(answered(url, response.status));
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        hash.update(chunk);
        done(bytes > maxBytes ? new Error(`${url} has more than ${maxBytes} bytes`) : null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body as ReadableStream), counted, createWriteStream(temporary));
    if (hash.digest('hex') !== sha256) throw new Error(`${url} has not the hash that its index tells`);
    await makeRoom(directory, maxBytes - bytes);
    await rename(temporary, join(directory, `${sha256}.whl`));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Drops wheels, least recently used first, until the others have at most so many bytes. */
async function makeRoom(directory: string, most: number): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.whl'));
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name));
      return { name, size, mtimeMs };
    }),
  );
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of files.toSorted((left, right) => left.mtimeMs - right.mtimeMs)) {
    if (total <= most) return;
    await rm(join(directory, name), { force: true });
    total -= size;
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
