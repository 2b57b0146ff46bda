// Small artifacts that were stored or read a moment ago: whoever stores one makes others read it at once. What is stored under a
// digest never changes, so a copy cannot be out of date; it can only be of a file that was removed, and then it is forgotten.

import type { Digest } from '../core/ids.ts';

export interface RecentBytes {
  get(digest: Digest): Buffer | undefined;
  /** Keeps bytes; those that were used longest ago go where there are too many. */
  keep(digest: Digest, bytes: Uint8Array): void;
  forget(digest: Digest): void;
}

/** Holds at most so many bytes; nothing where it is 0. */
export function newRecentBytes(mostBytes: number): RecentBytes {
  // A Map keeps the order of insertion, so the least recently used comes first.
  const kept = new Map<Digest, Buffer>();
  let held = 0;
  const forget = (digest: Digest): void => {
    held -= kept.get(digest)?.length ?? 0;
    kept.delete(digest);
  };
  return {
    get(digest) {
      const bytes = kept.get(digest);
      if (bytes === undefined) return undefined;
      kept.delete(digest);
      kept.set(digest, bytes);
      return bytes;
    },
    keep(digest, bytes) {
      forget(digest);
      if (bytes.length > mostBytes) return;
      // A copy: the bytes of a message are a window on a larger buffer that would be kept with them, and may be written to.
      // With memory of its own: a slice of Node's pool would keep the whole slab, most of which is others' and gone.
      const own = Buffer.allocUnsafeSlow(bytes.length);
      own.set(bytes);
      kept.set(digest, own);
      held += bytes.length;
      for (const oldest of kept.keys()) {
        if (held <= mostBytes) return;
        forget(oldest);
      }
    },
    forget,
  };
}
