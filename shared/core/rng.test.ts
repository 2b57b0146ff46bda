import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextFloat, nextInt, nextNormal, seedRng, shuffle } from './rng.ts';

test('equal seeds give equal sequences and different seeds different ones', () => {
  const draw = (seed: string): number[] => {
    const rng = seedRng(seed);
    return Array.from({ length: 20 }, () => nextFloat(rng));
  };
  expect(draw('a')).toEqual(draw('a'));
  expect(draw('a')).not.toEqual(draw('b'));
});

test('the state is plain data: a copy goes on as the original would', () => {
  const rng = seedRng('copy');
  nextFloat(rng);
  const copy = structuredClone(rng);
  expect(nextFloat(copy)).toBe(nextFloat(rng));
});

test('floats are uniform in [0, 1) and normals have mean 0 and variance 1', () => {
  const rng = seedRng(7);
  const count = 20_000;
  const floats = Array.from({ length: count }, () => nextFloat(rng));
  const normals = Array.from({ length: count }, () => nextNormal(rng));
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / count;
  expect(Math.min(...floats)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...floats)).toBeLessThan(1);
  expect(mean(floats)).toBeCloseTo(0.5, 1);
  expect(mean(normals)).toBeCloseTo(0, 1);
  expect(mean(normals.map((value) => value * value))).toBeCloseTo(1, 1);
});

test('a shuffle keeps every item, and whole numbers stay below their bound', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.string(), fc.integer({ min: 1, max: 1000 }), (items, seed, bound) => {
      const rng = seedRng(seed);
      const ascending = (left: number, right: number): number => left - right;
      expect(shuffle(rng, [...items]).sort(ascending)).toEqual([...items].sort(ascending));
      const drawn = nextInt(rng, bound);
      expect(drawn >= 0 && drawn < bound && Number.isInteger(drawn)).toBe(true);
    }),
  );
});
