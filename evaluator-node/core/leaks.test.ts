import { expect, test } from 'vitest';
import { findLeaks } from './leaks.ts';

test('a column whose spelling tells the target is told of, one whose values do so is not', () => {
  const truth = Float64Array.from({ length: 200 }, (_, row) => (row * 7) % 2);
  const value = (row: number): number => ((row * 37) % 101) / 10;
  const input = {
    classification: true,
    labels: [...truth].map(String),
    truth,
    classes: ['0', '1'],
    ids: [],
    splits: [...truth].map(() => 'train' as const),
  };
  const warned = (spell: (row: number) => string): string =>
    findLeaks({ ...input, features: [{ name: 'a', values: [...truth.keys()].map(spell) }] })
      .map(({ message }) => message)
      .join();
  expect(warned((row) => value(row).toFixed(truth[row] === 1 ? 5 : 3))).toContain(
    'the number of decimals in column "a"',
  );
  expect(warned((row) => value(row).toFixed(3))).not.toContain('decimals');
  expect(warned((row) => String(value(row) + 100 * (truth[row] ?? 0)))).not.toContain('decimals');
});

const rows = 400;
/** Integers in no order, most of them once. */
const target = Float64Array.from({ length: rows }, (_, row) => (row * 7919) % 3001);
const noise = (row: number): number => ((row * 104729) % 977) / 977;

function found(column: (row: number) => number | string, truth = target, classification = false): string {
  return findLeaks({
    classification,
    labels: [...truth].map(String),
    truth,
    classes: classification ? ['0', '1'] : [],
    ids: [],
    splits: [...truth].map(() => 'train' as const),
    features: [{ name: 'a', values: [...truth.keys()].map((row) => String(column(row))) }],
  })
    .filter(({ severity, message }) => severity === 'refuse' || /follows|remainder/.test(message))
    .map(({ message }) => message)
    .join();
}

test.each([
  [
    'a linear copy',
    (row: number) => 3 - 2 * (target[row] ?? 0),
    /linear copy of the target \(correlation 1 in 400 rows/,
  ],
  ['a cube', (row: number) => (target[row] ?? 0) ** 3, /another scale.*all 400 rows \(rank correlation 1/],
  ['a falling logarithm', (row: number) => -Math.log1p(target[row] ?? 0), /another scale/],
  ['a copy with gaps', (row: number) => (row % 4 === 0 ? '' : Math.sqrt(target[row] ?? 0)), /all 300 rows/],
  ['a rounded root', (row: number) => Math.sqrt(target[row] ?? 0).toFixed(1), /follows the target almost everywhere/],
  ['a product modulo a prime', (row: number) => (7 * (target[row] ?? 0) + 3) % 3011, /arithmetic of the target modulo/],
])('%s of the target is found, with evidence', (_, column, message) => {
  expect(found(column)).toMatch(message);
});

test.each([
  ['noise', noise],
  ['a good feature', (row: number) => (target[row] ?? 0) + 400 * noise(row)],
  ['whole numbers of their own', (row: number) => Math.floor(5000 * noise(row))],
  ['a column with few numbers', (row: number) => (row < 10 ? (target[row] ?? 0) : '')],
])('%s is no copy', (_, column) => {
  expect(found(column)).toBe('');
});

test('a class in the last digit of a number is found, and a number without it is not', () => {
  const classes = Float64Array.from({ length: rows }, (_, row) => Number(noise(row) > 0.5));
  const built = (row: number): number => 10 * row + 2 * Math.floor(4 * noise(row + 7)) + (classes[row] ?? 0);
  expect(found(built, classes, true)).toMatch(/holds the target in its remainder by 2/);
  expect(found((row) => 10 * row + Math.floor((9 * ((row * 31337) % 983)) / 983), classes, true)).toBe('');
});

test('twins of official test rows among the labelled ones are told of, unless equal features have different labels', () => {
  const told = (label: (row: number) => number, official: readonly string[]): string => {
    const truth = Float64Array.from({ length: 100 }, (_, row) => label(row));
    return findLeaks({
      ...{ classification: false, labels: [...truth].map(String), truth, classes: [], ids: [] },
      splits: [...truth].map(() => 'train' as const),
      features: [{ name: 'a', values: [...truth.keys()].map((row) => `x${row % 60}`), official }],
    })
      .map(({ message }) => message)
      .join();
  };
  const official = ['x3', 'x4', 'new'];
  expect(told((row) => (row % 60) ** 2 % 41, official)).toContain('2 of 3 official test rows have an exact twin');
  expect(told((row) => row, official)).not.toContain('official');
  expect(told((row) => (row % 60) ** 2 % 41, ['new', 'newer', 'newest'])).not.toContain('official');
});

test('endings of files that go with the target are refused, those that hint at it warned of, and others not', () => {
  const told = (ending: (row: number) => string) => {
    const truth = Float64Array.from({ length: 200 }, (_, row) => row % 2);
    return findLeaks({
      ...{ classification: true, labels: [...truth].map(String), truth, classes: ['0', '1'], ids: [], features: [] },
      splits: [...truth].map(() => 'train' as const),
      files: [...truth.keys()].map((row) => {
        return { name: `${(row * 7919) % 200}${ending(row)}`, bytes: 10, modifiedMs: 5, digest: String(row) };
      }),
    }).filter(({ message }) => message.includes('endings'));
  };
  expect(told((row) => (row % 2 === 0 ? '.jpg' : '.PNG'))).toMatchObject([{ severity: 'refuse' }]);
  expect(told((row) => (row % 2 === 0 && row % 3 > 0 ? '.jpg' : '.png'))).toMatchObject([{ severity: 'warn' }]);
  expect(told((row) => (row % 20 < 10 ? '.jpg' : '.png'))).toEqual([]);
  expect(told(() => '.jpg')).toEqual([]);
});
