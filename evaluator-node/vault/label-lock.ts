// How labels lie at rest: locked to a public key, so that whoever imports a task needs no secret, and read back only with the
// private one. X25519 with a fresh key each time, HKDF-SHA256, AES-256-GCM in chunks.
//
//   magic (4) | ephemeral public key (32) | chunk 0 | chunk 1 | …      a chunk: at most 64 KiB of ciphertext, then its tag (16)
//
// Invariants: 1. What opens is what was locked, whole and under the same context (which task version and split): chunks carry
// their place and whether they are the last in their nonce, so none can be dropped, doubled, moved or put into another row.
// 2. Opening holds one chunk beside what the sink keeps; a million labels are never in memory twice.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

const magic = Buffer.from('DBL1');
const keyBytes = 32;
const tagBytes = 16;
const chunkBytes = 64 * 1024;
const headBytes = magic.length + keyBytes;
/** X25519 keys in DER are these bytes before the 32 of the key (RFC 8410). */
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex');
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Locks the bytes to a public key of 32 bytes. */
export function lock(publicKey: Uint8Array, context: string, bytes: Uint8Array): Buffer {
  const ephemeral = generateKeyPairSync('x25519');
  const ephemeralBytes = rawPublic(ephemeral.publicKey);
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: publicObject(publicKey) });
  const key = derive(secret, ephemeralBytes, publicKey, context);
  const chunks = Math.max(1, Math.ceil(bytes.length / chunkBytes));
  const locked = Buffer.alloc(headBytes + bytes.length + chunks * tagBytes);
  locked.set(magic);
  locked.set(ephemeralBytes, magic.length);
  let at = headBytes;
  for (let index = 0; index < chunks; index += 1) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce(index, index === chunks - 1));
    at += cipher.update(bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)).copy(locked, at);
    cipher.final();
    at += cipher.getAuthTag().copy(locked, at);
  }
  return locked;
}

/** Opens with a private key of 32 bytes, chunk by chunk; throws where the key is another one or a byte is not as it was. */
export function unlock(
  privateKey: Uint8Array,
  context: string,
  locked: Uint8Array,
  sink: (chunk: Uint8Array, offset: number) => void,
): void {
  if (locked.length < headBytes + tagBytes || !magic.equals(locked.subarray(0, magic.length))) throw broken();
  const own = privateObject(privateKey);
  const ephemeralBytes = locked.subarray(magic.length, headBytes);
  const secret = diffieHellman({ privateKey: own, publicKey: publicObject(ephemeralBytes) });
  const key = derive(secret, ephemeralBytes, rawPublic(createPublicKey(own)), context);
  const step = chunkBytes + tagBytes;
  for (let at = headBytes, index = 0; at < locked.length; at += step, index += 1) {
    const end = Math.min(at + step, locked.length);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce(index, end === locked.length));
    decipher.setAuthTag(locked.subarray(end - tagBytes, end));
    const chunk = decipher.update(locked.subarray(at, end - tagBytes));
    try {
      decipher.final();
    } catch (error) {
      throw broken(error);
    }
    sink(chunk, index * chunkBytes);
  }
}

/** The opened bytes as one array. */
export function unlockWhole(privateKey: Uint8Array, context: string, locked: Uint8Array): Buffer {
  const chunks: Uint8Array[] = [];
  unlock(privateKey, context, locked, (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks);
}

/** A new pair of keys, 32 bytes each. */
export function newKeyPair(): { readonly publicKey: Buffer; readonly privateKey: Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  return { publicKey: rawPublic(publicKey), privateKey: der.subarray(der.length - keyBytes) };
}

/** The public key of a private one. */
export function publicKeyOf(privateKey: Uint8Array): Buffer {
  return rawPublic(createPublicKey(privateObject(privateKey)));
}

function broken(cause?: unknown): Error {
  return new Error('the labels cannot be opened: the key is another one, or they were altered', { cause });
}

function derive(secret: Buffer, ephemeral: Uint8Array, recipient: Uint8Array, context: string): Buffer {
  const salt = Buffer.concat([ephemeral, recipient]);
  return Buffer.from(hkdfSync('sha256', secret, salt, `doubleblind labels 1 ${context}`, 32));
}

/** A key encrypts one thing only, so that counting makes unique nonces. */
function nonce(index: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 4);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

function rawPublic(key: KeyObject): Buffer {
  const der = key.export({ type: 'spki', format: 'der' });
  return der.subarray(der.length - keyBytes);
}

function publicObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: 'der', type: 'spki' });
}

function privateObject(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privatePrefix, raw]), format: 'der', type: 'pkcs8' });
}
