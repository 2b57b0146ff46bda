// What no prompt may carry out and no answer may bring back: kept up to date while our own key is renewed.

import { readFileSync } from 'node:fs';
import { openTlsFiles, type TlsMaterial } from '../shared/rpc/tls-files.ts';
import type { GatewayConfig } from './config.ts';
import type { Rules } from './upstream/guarded-upstream.ts';

export interface OpenRules {
  /** The rules as they are at this moment. */
  now(): Rules;
  stop(): void;
}

/** The keys of the upstreams and our own by their value, and the words that the configuration marks. */
export function openOutgoingRules(
  { upstreams, tls, outgoing }: Pick<GatewayConfig, 'upstreams' | 'tls' | 'outgoing'>,
  rereadMs?: number,
): OpenRules {
  const keyFiles = upstreams.flatMap((upstream) => (upstream.kind === 'openai' ? (upstream.keyFile ?? []) : []));
  const keys = keyFiles.map((path) => readFileSync(path, 'utf8').trim());
  const { digestFile } = outgoing;
  const digests = digestFile === '' ? [] : (readFileSync(digestFile, 'utf8').match(/\b[0-9a-f]{64}\b/g) ?? []);
  let rules: Rules = { secrets: keys, digests: new Set(digests) };
  // A key that was replaced stays a secret: its certificate is good until it ends.
  const alsoOwn = ({ key }: TlsMaterial): void => {
    rules = { ...rules, secrets: [...new Set([...rules.secrets, ...linesOfKey(key)])] };
  };
  const files = openTlsFiles(tls, { changed: alsoOwn }, rereadMs);
  alsoOwn(files.current());
  return { now: () => rules, stop: () => files.stop() };
}

/** A line of a key says as much as the key. */
function linesOfKey(pem: Buffer): string[] {
  return pem
    .toString('utf8')
    .split('\n')
    .filter((line) => line.length > 40 && !line.startsWith('-'));
}
