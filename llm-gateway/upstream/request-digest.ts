// Equal for the same turn asked for again, and only then.

import { createHash } from 'node:crypto';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import type { TurnRequest } from './upstream.ts';

/** SHA-256 in hex of everything that an upstream is told. */
export function requestDigest({ model, messages, tools, seed, maxOutputTokens, ...rest }: TurnRequest): string {
  const { answerSchemaJson } = rest;
  // Left out where there is none, so that recordings of versions without it still fit.
  const schema = answerSchemaJson === undefined ? {} : { answerSchemaJson };
  const text = canonicalJson({ model, messages, tools, seed, maxOutputTokens, ...schema });
  return createHash('sha256').update(text).digest('hex');
}
