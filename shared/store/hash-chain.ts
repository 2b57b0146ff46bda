// The chain of the evaluator's ledger: how a record is hashed and signed, and how anybody checks it with the public key.
//
// Record n: hash = SHA-256(previous hash, a line feed, body) in hex, previous hash of record 1 = 64 zeros; the signature is
// Ed25519 over the hash's text. docs/ledger.md says the same for people without this code.

import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

export interface ChainRecord {
  /** From 1, without a gap. */
  readonly sequence: number;
  readonly previousHash: string;
  /** Canonical JSON. */
  readonly body: string;
  readonly hash: string;
  /** Base64. */
  readonly signature: string;
}

/** Hash before the first record. */
export const genesisHash = '0'.repeat(64);

/** Hash of a record. */
export function recordHash(previousHash: string, body: string): string {
  return createHash('sha256').update(`${previousHash}\n${body}`).digest('hex');
}

/** The first broken record with what is wrong with it, or undefined where the whole chain holds. Takes the chain from its first record. */
export function findBrokenRecord(records: readonly ChainRecord[], publicKeyPem: string): string | undefined {
  const key = readKey(publicKeyPem);
  if (key === undefined) return 'the public key is not an Ed25519 key in PEM';
  let previousHash = genesisHash;
  let sequence = 0;
  for (const record of records) {
    sequence += 1;
    if (record.sequence !== sequence) return `record ${sequence} is missing or out of order`;
    if (record.previousHash !== previousHash) return `record ${sequence} does not follow the one before it`;
    if (record.hash !== recordHash(previousHash, record.body)) return `record ${sequence} was changed`;
    if (!isSigned(record, key)) return `record ${sequence} is not signed by this key`;
    previousHash = record.hash;
  }
  return;
}

function isSigned({ hash, signature }: ChainRecord, key: KeyObject): boolean {
  const bytes = Buffer.from(signature, 'base64');
  // Base64 has spare bits: a text that decodes to the same bytes is still not the text that was written.
  return bytes.toString('base64') === signature && verify(null, Buffer.from(hash), key, bytes);
}

function readKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    const same = key.export({ type: 'spki', format: 'pem' }).toString() === pem;
    return same && key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return;
  }
}

/** A name for the key that people can compare: SHA-256 of its DER form, in hex. */
export function keyFingerprint(publicKeyPem: string): string {
  const der = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}
