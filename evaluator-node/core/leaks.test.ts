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
