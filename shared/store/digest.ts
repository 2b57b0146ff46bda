// SHA-256 of bytes and files: the names in the content-addressed store.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Digest, digest } from '../core/ids.ts';

/** SHA-256 in lower-case hex. */
export function sha256(bytes: Uint8Array | string): Digest {
  return digest(createHash('sha256').update(bytes).digest('hex'));
}

/** SHA-256 of a file, read as a stream. */
export async function hashFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return digest(hash.digest('hex'));
}
