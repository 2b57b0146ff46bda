// Equal for the same turn asked for again, and only then.

import { createHash } from 'node:crypto';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import type { TurnRequest } from './upstream.ts';

/** SHA-256 in hex of everything that an upstream is told. */
export function requestDigest({ model, messages, tools, seed, maxOutputTokens }: TurnRequest): string {
  const text = canonicalJson({ model, messages, tools, seed, maxOutputTokens });
  return createHash('sha256').update(text).digest('hex');
}
