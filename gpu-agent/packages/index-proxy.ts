// An index elsewhere as an index here: only the names that the operator lists, only wheels, only with a hash.
//
// Owns: the way out. It is the agent's daemon that asks, never a sandbox, and it asks only for listed names and for
// addresses that the index itself gave. Wheels are kept (wheel-cache.ts), so that the clean-slate run does not depend on the
// index being there a second time.

import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Clock } from '../../shared/clock.ts';
import { ascending, normalName, projectOfWheel } from '../core/wheel.ts';
import { newDownloads } from './downloads.ts';
import { type IndexCredentials, openIndexCredentials } from './index-credentials.ts';
import { readListing } from './listing.ts';
import type { PackageIndex, Wheel } from './package-index.ts';
import { openWheelCache, type WheelCache } from './wheel-cache.ts';

export interface IndexProxyOptions {
  /** The root of a simple index, such as https://HOST/simple. */
  readonly url: string;
  /** File with the index's name and password; none where left out. */
  readonly credentialsFile?: string;
  /** Names that may be asked for; their requirements must be listed as well. */
  readonly allow: readonly string[];
  /** Where wheels are kept, of at most so many bytes with those that come in. */
  readonly directory: string;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/** Long enough for the many calls of one pip, short enough to see a new release the same hour. */
const listingAgeMs = 600_000;
const listingTimeoutMs = 30_000;
const wheelTimeoutMs = 540_000;
/** As many as fill a line; a sandbox may ask for any number. */
const maxDownloads = 3;
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
  const downloads = newDownloads(maxDownloads);
  const cache = await openWheelCache(options.directory, options.maxBytes);

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

  return {
    projects: () => Promise.resolve(ascending(allowed)),
    wheels: listing,
    async open(project, fileName, signal) {
      const wheel = (await listing(project))?.find((one) => one.fileName === fileName);
      if (wheel === undefined) return undefined;
      const kept = await cache.open(wheel.sha256);
      if (kept !== undefined) return kept;
      const fetch = (stop: AbortSignal) => download(wheel, { maxBytes: options.maxBytes, credentials, cache }, stop);
      await downloads.join(wheel.sha256, fetch, signal);
      const fetched = await cache.open(wheel.sha256);
      if (fetched === undefined) throw new Error(`${wheel.url} was dropped again before it was read`);
      return fetched;
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

interface DownloadOptions extends Pick<IndexProxyOptions, 'maxBytes'> {
  readonly credentials: IndexCredentials;
  readonly cache: WheelCache;
}

async function download({ url, sha256 }: Offered, options: DownloadOptions, stop: AbortSignal): Promise<void> {
  const { maxBytes, credentials, cache } = options;
  const headers = await credentials.headersFor(url);
  const signal = AbortSignal.any([stop, AbortSignal.timeout(wheelTimeoutMs)]);
  const response = await fetch(url, { headers, signal });
  if (!response.ok || response.body === null) throw new Error(answered(url, response.status));
  const bytes = Readable.fromWeb(response.body as ReadableStream);
  if (Number(response.headers.get('content-length')) > maxBytes) {
    bytes.destroy();
    throw new Error(`${url} has more than ${maxBytes} bytes`);
  }
  await cache.take(sha256, bytes, url);
}
