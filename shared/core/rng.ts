// Seeded random numbers: xoshiro128** (Blackman and Vigna, 2018), seeded through SplitMix32 from any text.
// The generator is a plain object, so that it can live inside a machine's state, be hashed, journaled and copied.

/** Four 32-bit words; never all zero. Functions below advance it in place. */
export interface Rng {
  a: number;
  b: number;
  c: number;
  d: number;
}

/** A generator from a text or number; equal seeds give equal sequences on every machine. */
export function seedRng(seed: string | number): Rng {
  let hash = fnv1a(String(seed));
  const next = (): number => {
    hash = (hash + 0x9e3779b9) | 0;
    let word = hash ^ (hash >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
  const rng = { a: next(), b: next(), c: next(), d: next() };
  if ((rng.a | rng.b | rng.c | rng.d) === 0) rng.a = 1;
  return rng;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** A whole number in 0 … 2³²−1. */
export function nextUint32(rng: Rng): number {
  const scrambled = Math.imul(rng.b, 5);
  const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
  const shifted = rng.b << 9;
  rng.c ^= rng.a;
  rng.d ^= rng.b;
  rng.b = (rng.b ^ rng.c) >>> 0;
  rng.a = (rng.a ^ rng.d) >>> 0;
  rng.c = (rng.c ^ shifted) >>> 0;
  rng.d = ((rng.d << 11) | (rng.d >>> 21)) >>> 0;
  return result;
}

/** A number in [0, 1) with 53 random bits. */
export function nextFloat(rng: Rng): number {
  const high = nextUint32(rng) >>> 5;
  const low = nextUint32(rng) >>> 6;
  return (high * 67108864 + low) / 9007199254740992;
}

/** A whole number in [0, bound); bound is at least 1. */
export function nextInt(rng: Rng, bound: number): number {
  return Math.floor(nextFloat(rng) * bound);
}

/** A standard normal number (Box-Muller; one of the pair is dropped to keep the state small). */
export function nextNormal(rng: Rng): number {
  const radius = Math.sqrt(-2 * Math.log(1 - nextFloat(rng)));
  return radius * Math.cos(2 * Math.PI * nextFloat(rng));
}

/** Shuffles in place (Fisher and Yates) and returns the same array. */
export function shuffle<Item>(rng: Rng, items: Item[]): Item[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = nextInt(rng, last + 1);
    const item = items[last] as Item;
    items[last] = items[other] as Item;
    items[other] = item;
  }
  return items;
}
