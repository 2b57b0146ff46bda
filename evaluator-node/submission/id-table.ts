// Finds the position of an id by its bytes, without making a string of it: open addressing over one block of key bytes.
//
// Keys are hashed and compared four bytes at a time. A slot is one word, the position with as many high bits of the hash as
// there is room for, so that a probe that misses touches one cache line and no key, and a million ids take 8 MB of slots.

import { release } from '../core/release.ts';

export interface IdTable {
  readonly size: number;
  /** Position of the id in bytes [start, end), or −1. */
  find(bytes: Uint8Array, start: number, end: number): number;
  hash(bytes: Uint8Array, start: number, end: number): number;
  /** Position of the first id that may have that hash, or −1; most likely the right one. */
  probe(hash: number): number;
  /** Whether the id at the position is that in bytes [start, end). */
  holds(position: number, bytes: Uint8Array, start: number, end: number): boolean;
  idAt(position: number): string;
}

/** A table of distinct ids; the position of an id is its index in the list. */
export function createIdTable(ids: readonly string[]): IdTable {
  const keys = Buffer.alloc(ids.reduce((sum, id) => sum + Buffer.byteLength(id), 0));
  const offsets = new Uint32Array(ids.length + 1);
  ids.forEach((id, position) => {
    const offset = offsets[position] ?? 0;
    offsets[position + 1] = offset + keys.write(id, offset);
  });
  const built = buildIdTable(keys, offsets, ids.length);
  if (typeof built === 'number') throw new RangeError(`the id ${ids[built]} is twice in the table`);
  return built;
}

const [quote, backslash] = [34, 92];

/** A table of the ids in a JSON list of texts, without a string for each. */
export function idTableOfJson(json: Uint8Array): IdTable {
  if (json.includes(backslash)) return createIdTable(JSON.parse(Buffer.from(json).toString('utf8')) as string[]);
  let quotes = 0;
  for (let at = 0; at < json.length; at += 1) if (json[at] === quote) quotes += 1;
  const size = quotes / 2;
  // Quotes, commas and brackets are what a key does not need.
  const keys = new Uint8Array(Math.max(0, json.length - 3 * size - 1));
  const offsets = new Uint32Array(size + 1);
  let used = 0;
  let ids = 0;
  let inside = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (byte !== quote) {
      if (inside) keys[used++] = byte;
      continue;
    }
    if (inside) offsets[++ids] = used;
    inside = !inside;
  }
  const built = buildIdTable(keys, offsets, size);
  release(offsets);
  if (typeof built === 'number') throw new RangeError(`the id at ${built} is twice in the table`);
  return built;
}

/** A table over keys that are in place, id n in bytes [offsets[n], offsets[n + 1]); the position of a repeated id where they are not distinct. */
export function buildIdTable(keys: Uint8Array, offsets: Uint32Array, size: number): IdTable | number {
  // At most half full, so that a probe takes one or two steps.
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, size * 2))));
  const slotMask = slots.length - 1;
  const tagMask = tagMaskOf(size);
  const view = viewOf(keys);
  const hashes = new Int32Array(blockRows);
  for (let first = 0; first < size; first += blockRows) {
    const last = Math.min(size, first + blockRows);
    // Hashed apart from the insertion: short loops let the processor wait for several cache lines at once.
    for (let position = first; position < last; position += 1) {
      hashes[position - first] = hashOf(view, offsets[position] ?? 0, offsets[position + 1] ?? 0);
    }
    for (let position = first; position < last; position += 1) {
      const hash = hashes[position - first] ?? 0;
      let slot = hash & slotMask;
      for (let taken = slots[slot] ?? 0; taken !== 0; taken = slots[slot] ?? 0) {
        const other = (taken & ~tagMask) - 1;
        if (((taken ^ hash) & tagMask) === 0 && sameKeys(view, offsets, other, position)) return position;
        slot = (slot + 1) & slotMask;
      }
      slots[slot] = (hash & tagMask) | (position + 1);
    }
  }
  return openIdTable({ size, keys, offsets: strideOf(offsets, size) ?? offsets.slice(0, size + 1), slots });
}

/** Rows whose hashes are taken together. */
const blockRows = 256;

/** The bits of a slot that are the hash's; the others hold a position + 1, or 0 where the slot is free. */
function tagMaskOf(size: number): number {
  const positionBits = 32 - Math.clz32(size);
  return positionBits === 32 ? 0 : -1 << positionBits;
}

function sameKeys(view: DataView, offsets: Uint32Array, left: number, right: number): boolean {
  const [start = 0, end = 0] = [offsets[right], offsets[right + 1]];
  return sameBytes(view, offsets[left] ?? 0, offsets[left + 1] ?? 0, view, start, end);
}

/** Bytes of each id where all have as many. */
function strideOf(offsets: Uint32Array, size: number): number | undefined {
  const stride = offsets[1] ?? 0;
  for (let position = 1; position < size; position += 1) {
    if ((offsets[position + 1] ?? 0) - (offsets[position] ?? 0) !== stride) return;
  }
  return stride;
}

interface Parts {
  readonly size: number;
  readonly keys: Uint8Array;
  /** Where each id starts, with the end of the last; or the bytes of each, where all have as many. */
  readonly offsets: Uint32Array | number;
  readonly slots: Int32Array;
}

function openIdTable({ size, keys, offsets, slots }: Parts): IdTable {
  const slotMask = slots.length - 1;
  const tagMask = tagMaskOf(size);
  const keyView = viewOf(keys);
  let seen: Uint8Array = keys;
  let view = keyView;
  const look = (bytes: Uint8Array): DataView => {
    if (bytes !== seen) {
      seen = bytes;
      view = viewOf(bytes);
    }
    return view;
  };
  const startOf = (position: number): number =>
    typeof offsets === 'number' ? position * offsets : (offsets[position] ?? 0);
  const holds = (position: number, bytes: Uint8Array, start: number, end: number): boolean =>
    sameBytes(keyView, startOf(position), startOf(position + 1), look(bytes), start, end);
  return {
    size,
    hash: (bytes, start, end) => hashOf(look(bytes), start, end),
    probe(hash) {
      let slot = hash & slotMask;
      for (let taken = slots[slot] ?? 0; taken !== 0; taken = slots[slot] ?? 0) {
        if (((taken ^ hash) & tagMask) === 0) return (taken & ~tagMask) - 1;
        slot = (slot + 1) & slotMask;
      }
      return -1;
    },
    holds,
    find(bytes, start, end) {
      const hash = hashOf(look(bytes), start, end);
      let slot = hash & slotMask;
      for (let taken = slots[slot] ?? 0; taken !== 0; taken = slots[slot] ?? 0) {
        const position = (taken & ~tagMask) - 1;
        if (((taken ^ hash) & tagMask) === 0 && holds(position, bytes, start, end)) return position;
        slot = (slot + 1) & slotMask;
      }
      return -1;
    },
    idAt: (position) => Buffer.from(keys.subarray(startOf(position), startOf(position + 1))).toString('utf8'),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The keys are the task's own, so nobody can choose colliding ones. */
function hashOf(view: DataView, start: number, end: number): number {
  let value = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    value = Math.imul(value ^ view.getUint32(at, true), 0x9e3779b1);
    value ^= value >>> 15;
  }
  for (; at < end; at += 1) value = Math.imul(value ^ view.getUint8(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return value ^ (value >>> 13);
}

function sameBytes(
  left: DataView,
  leftStart: number,
  leftEnd: number,
  right: DataView,
  start: number,
  end: number,
): boolean {
  const length = end - start;
  if (leftEnd - leftStart !== length) return false;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    if (left.getUint32(leftStart + at, true) !== right.getUint32(start + at, true)) return false;
  }
  for (; at < length; at += 1) {
    if (left.getUint8(leftStart + at) !== right.getUint8(start + at)) return false;
  }
  return true;
}
