import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { lock, newKeyPair, publicKeyOf, unlock, unlockWhole } from './label-lock.ts';

/** Bytes that are the same at every run. */
function bytesOf(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(String(index)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

const keys = newKeyPair();
const chunk = 65_536;

test.each([0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 8])(
  '%i bytes come back, a chunk at a time',
  (length) => {
    const locked = lock(keys.publicKey, 'a search truth', bytesOf(length));
    const parts: number[] = [];
    unlock(keys.privateKey, 'a search truth', locked, ({ length: part }) => parts.push(part));
    expect(Math.max(...parts)).toBeLessThanOrEqual(chunk);
    expect(unlockWhole(keys.privateKey, 'a search truth', locked).equals(bytesOf(length))).toBe(true);
    if (length > 16) expect(locked.includes(bytesOf(length).subarray(0, 16))).toBe(false);
  },
);

test('the private key gives the public one, and two locks of the same bytes differ', () => {
  expect(publicKeyOf(keys.privateKey).equals(keys.publicKey)).toBe(true);
  expect(lock(keys.publicKey, 'c', bytesOf(9)).equals(lock(keys.publicKey, 'c', bytesOf(9)))).toBe(false);
});

test('another key, another place, and any altered, lost, doubled or moved piece opens nothing', () => {
  const locked = lock(keys.publicKey, 'v search truth', bytesOf(3 * chunk));
  const open = (bytes: Uint8Array, context = 'v search truth', key = keys.privateKey): Buffer =>
    unlockWhole(key, context, bytes);
  const refused = 'the labels cannot be opened: the key is another one, or they were altered';
  expect(() => open(locked, 'v search truth', newKeyPair().privateKey)).toThrow(refused);
  expect(() => open(locked, 'v validation truth')).toThrow(refused);
  for (const at of [0, 10, 36, 40_000, 36 + chunk, locked.length - 1]) {
    const altered = Buffer.from(locked);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(() => open(altered), `byte ${at}`).toThrow(refused);
  }
  const step = chunk + 16;
  const piece = (index: number): Buffer => locked.subarray(36 + index * step, 36 + (index + 1) * step);
  const head = locked.subarray(0, 36);
  for (const order of [[0, 1], [0], [0, 2], [1, 0, 2], [0, 0, 1, 2], [0, 1, 2, 2], []]) {
    expect(() => open(Buffer.concat([head, ...order.map(piece)])), order.join()).toThrow(refused);
  }
  expect(open(Buffer.concat([head, piece(0), piece(1), piece(2)])).length).toBe(3 * chunk);
});
