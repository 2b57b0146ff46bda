import { expect, test } from 'vitest';
import {
  bytes,
  dollars,
  duration,
  parseBytes,
  parseDuration,
  plural,
  score,
  scoreWithError,
  timeLeft,
} from './quantity.ts';

test('times are said in the unit that fits', () => {
  expect([0.04, 4.21, 59.4, 60, 185, 7800, 100_000].map(duration)).toEqual([
    '0.0 s',
    '4.2 s',
    '59 s',
    '1 min 00 s',
    '3 min 05 s',
    '2 h 10 min',
    '1 d 4 h',
  ]);
  expect(duration(Number.NaN)).toBe('–');
});

test('time that is left is rounded up, and to a minute only where there is more than two', () => {
  expect([0.2, 14.3, 15, 90, 119.5, 121, 7200].map(timeLeft)).toEqual([
    ...['1 s', '15 s', '15 s', '1 min 30 s', '2 min 00 s', '3 min 00 s', '2 h 00 min'],
  ]);
});

test('scores have four significant digits, and an error two with the score to match', () => {
  expect([0.09314, 12.3456, 0.5, 0, 1e-7, 123_456].map(score)).toEqual([
    '0.09314',
    '12.35',
    '0.5000',
    '0',
    '1.000e-7',
    '123456',
  ]);
  expect(score(Number.NaN)).toBe('–');
  expect(scoreWithError(0.09314, 0.01021)).toBe('0.093 ± 0.010');
  expect(scoreWithError(0.09314, 0)).toBe('0.09314');
  expect(scoreWithError(0.09531002856, 9.0e-9)).toBe('0.09531003 ± 0.00000001');
  expect(scoreWithError(0.09531002856, 9.0e-12)).toBe('0.09531 ± 9.0e-12');
  expect(scoreWithError(54.31, 2.2)).toBe('54.3 ± 2.2');
});

test('times and sizes that people write are understood, others are not', () => {
  expect(['90s', '10m', '1h30m', '2d', '1.5 h'].map(parseDuration)).toEqual([90, 600, 5400, 172_800, 5400]);
  expect(['', '0', '0s', '90', '1h30', 'm', '10x', '-5m', '5 minutes'].map(parseDuration)).toEqual(
    Array.from({ length: 9 }),
  );
  expect(['1536m', '1.5GiB', '2 g', '100', '1kb'].map(parseBytes)).toEqual([
    1536 * 2 ** 20,
    1.5 * 2 ** 30,
    2 ** 31,
    100,
    1000,
  ]);
  expect(['', '0', 'GiB', '2 x'].map(parseBytes)).toEqual(Array.from({ length: 4 }));
});

test('counts, sizes and money read well', () => {
  expect(plural(1, 'candidate')).toBe('1 candidate');
  expect(plural(12_345, 'candidate')).toBe('12,345 candidates');
  expect([0, 512, 1536, 1.5 * 2 ** 30, 8 * 2 ** 30].map(bytes)).toEqual([
    '0 B',
    '512 B',
    '1.5 KiB',
    '1.5 GiB',
    '8 GiB',
  ]);
  expect([0, 0.0042, 12.3].map(dollars)).toEqual(['–', '$0.0042', '$12.30']);
});
