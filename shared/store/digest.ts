// SHA-256 of bytes: the names in the content-addressed store.

import { createHash } from 'node:crypto';
import { type Digest, digest } from '../core/ids.ts';

/** SHA-256 in lower-case hex. */
export function sha256(bytes: Uint8Array | string): Digest {
  return digest(createHash('sha256').update(bytes).digest('hex'));
}
