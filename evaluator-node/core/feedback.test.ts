import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Blur, blurOf, feedbackText, ladderText, shownPredictions } from './feedback.ts';
import { labelWorth } from './label-worth.ts';
import type { Metric } from './metrics/metric.ts';
import { findMetric } from './metrics/registry.ts';

function metric(name: string): Metric {
  const found = findMetric(name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

const still: Blur = { noise: 0, chance: 0, labelWorth: 0 };
const shown = (value: number, standardError: number, blur: Partial<Blur> = {}): string =>
  feedbackText(metric('rmse'), { value, standardError }, 'quantised', { ...still, ...blur });

test('a shown score has an error of 1 or 3 in its last digit, between which chance decides', () => {
  expect(shown(0.41234, 0.0113)).toBe('0.410 ± 0.01');
  expect(shown(0.41234, 0.0113, { chance: 0.99 })).toBe('0.41 ± 0.03');
  expect(shown(553.21, 27.9)).toBe('550 ± 30');
  expect(shown(0, 0)).toBe('0.00 ± 0.00');
  expect(feedbackText(metric('rmse'), { value: 0.41234567, standardError: 0.0113 }, 'exact', still)).toBe(
    '0.41234567 ± 0.011',
  );
});

test('noise is 0.85 of an error, or of what a label is worth where that is more, and no score beats the perfect one', () => {
  expect(shown(0.41234, 0.0113, { noise: 2 })).toBe('0.430 ± 0.01');
  expect(shown(0.41234, 1e-9, { labelWorth: 0.04 })).toBe('0.41 ± 0.03');
  expect(shown(0.01, 0.02, { noise: -3 })).toBe('0.000 ± 0.01');
});

test('equal predictions are blurred alike, others anew, and in the mean by nothing', () => {
  expect(blurOf('a', 1)).toEqual(blurOf('a', 1));
  const noises = Array.from({ length: 4000 }, (_, key) => blurOf(`key ${key}`, 1).noise);
  const mean = noises.reduce((sum, noise) => sum + noise, 0) / noises.length;
  const variance = noises.reduce((sum, noise) => sum + (noise - mean) ** 2, 0) / noises.length;
  expect(Math.abs(mean)).toBeLessThan(0.07);
  expect(variance).toBeGreaterThan(0.9);
  expect(variance).toBeLessThan(1.1);
});

test('what is shown is within four errors of the score, and its error within a factor of two of both together', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1, max: 1000, noNaN: true }),
      fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
      fc.double({ min: -3, max: 3, noNaN: true }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (value, error, noise, chance) => {
        const [number = 0, , told = 0] = shown(value, error, { noise, chance }).split(' ').map(Number);
        expect(Math.abs(number - value)).toBeLessThanOrEqual(4 * error);
        expect(told).toBeGreaterThan((1.31 * error) / 3.4);
        expect(told).toBeLessThan(1.31 * error * 3.4);
      },
    ),
  );
});

test('a label of a metric is worth what another answer in one row moves, less in more rows', () => {
  const binary = (count: number) => {
    return { count, truth: Float64Array.from({ length: count }, (_, row) => row % 2), width: 1, classCount: 2 };
  };
  expect(labelWorth(metric('accuracy'), binary(200))).toBeCloseTo(1 / 200, 12);
  expect(labelWorth(metric('accuracy'), binary(8000))).toBeCloseTo(1 / 8000, 12);
  expect(labelWorth(metric('mae'), { ...binary(200), classCount: 0 })).toBeCloseTo(1 / 200, 12);
  expect(labelWorth(metric('log-loss'), { ...binary(200), width: 2 })).toBeCloseTo(Math.log(999) / 200, 3);
  // One of twenty positives moves the area under the curve by more than one of two hundred rows.
  const rare = { ...binary(200), truth: Float64Array.from({ length: 200 }, (_, row) => Number(row % 10 === 0)) };
  expect(labelWorth(metric('roc-auc'), rare)).toBeGreaterThan(0.02);
  expect(labelWorth(metric('accuracy'), { ...binary(200), truth: new Float64Array(200) })).toBe(0);
});

test('shares are shown within bounds and sum to 1 all the same', () => {
  const held = shownPredictions(metric('kl-divergence'), Float64Array.of(1, 0, 0, 0.2, 0.3, 0.5), 3);
  expect([...held.subarray(0, 3)].every((share) => share > 0.0009)).toBe(true);
  expect(held.subarray(0, 3).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  expect([...held.subarray(3)]).toEqual([0.2, 0.3, 0.5].map((share) => expect.closeTo(share, 12)));
});

test('a ladder shows the first score, then clear improvements alone', () => {
  const score = (value: number) => ({ value, standardError: 0.01 });
  const first = ladderText(metric('accuracy'), score(0.7), undefined, still);
  expect(first).toEqual({ text: '0.700 ± 0.01', shown: { ...score(0.7), text: '0.700 ± 0.01' } });
  const hidden = ladderText(metric('accuracy'), score(0.724), first.shown, still);
  expect(hidden).toEqual({
    text: 'not clearly better than 0.700 ± 0.01, the best shown so far',
    shown: first.shown,
  });
  expect(ladderText(metric('accuracy'), score(0.1), first.shown, { ...still, chance: 0.9 }).text).toBe(hidden.text);
  expect(ladderText(metric('accuracy'), score(0.731), first.shown, still).text).toBe('0.730 ± 0.01');
  expect(ladderText(metric('rmse'), score(0.6), first.shown, still).text).toBe('0.600 ± 0.01');
  // What it starts from was never shown, so it has no text yet.
  expect(ladderText(metric('accuracy'), score(0.7), score(0.71), still).text).toMatch(
    /^not clearly better than 0\.710/,
  );
});
