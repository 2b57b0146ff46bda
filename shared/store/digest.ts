// SHA-256 of bytes: the names in the content-addressed store.

import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Digest, digest } from '../core/ids.ts';

/** SHA-256 in lower-case hex. */
export function sha256(bytes: Uint8Array | string): Digest {
  return digest(createHash('sha256').update(bytes).digest('hex'));
}

/** Some ten milliseconds of work. */
const turnBytes = 16 * 2 ** 20;

/** The same of bytes that may be many, with other work in between. */
export async function sha256InTurns(bytes: Uint8Array): Promise<Digest> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += turnBytes) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + turnBytes));
  }
  return digest(hash.digest('hex'));
}
