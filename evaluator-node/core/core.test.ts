import fc from 'fast-check';
import { expect, test } from 'vitest';
import { admit } from './admission.ts';
import { trivialBaseline } from './baseline.ts';
import { implausibility } from './feedback.ts';
import type { Metric } from './metrics/metric.ts';
import { findMetric } from './metrics/registry.ts';
import { decideQuery } from './queries.ts';
import { selectWinner } from './selection.ts';
import { quantileStrata, splitRows } from './splits.ts';

function metric(name: string): Metric {
  const found = findMetric(name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

test('a run and a line of candidates have an end to their queries', () => {
  const budget = { run: 10, lineage: 3 };
  expect(decideQuery({ run: 9, lineage: 2 }, budget, false)).toBe('score');
  expect(decideQuery({ run: 9, lineage: 3 }, budget, false)).toBe('withhold');
  expect(decideQuery({ run: 10, lineage: 0 }, budget, false)).toBe('refuse');
  // Looks reach half of the run's.
  expect(decideQuery({ run: 4, lineage: 2 }, budget, true)).toBe('score');
  expect(decideQuery({ run: 4, lineage: 3 }, budget, true)).toBe('withhold');
  expect(decideQuery({ run: 5, lineage: 0 }, budget, true)).toBe('refuseLook');
  expect(decideQuery({ run: 10, lineage: 0 }, budget, true)).toBe('refuse');
});

test('scores that are too good are quarantined with a reason', () => {
  expect(implausibility(metric('accuracy'), 1)).toMatch(/perfect/);
  expect(implausibility(metric('rmse'), 0)).toMatch(/perfect/);
  expect(implausibility(metric('kl-divergence'), -0.001)).toMatch(/perfect/);
  expect(implausibility(metric('rmse'), 3, 4)).toMatch(/plausible/);
  expect(implausibility(metric('rmse'), 5, 4)).toBeUndefined();
  expect(implausibility(metric('roc-auc'), 0.97, 0.95)).toMatch(/plausible/);
  expect(implausibility(metric('roc-auc'), 0.9, 0.95)).toBeUndefined();
});

test('an older epoch, a sealed run, another task and a second file in one epoch are not admitted', () => {
  const request = { version: 'v', epoch: 3, digest: 'd' };
  const reason = (facts: Parameters<typeof admit>[1], known = false): string => {
    const admitted = admit(request, facts, known);
    return admitted.ok ? admitted.value : admitted.error.reason;
  };
  expect(reason({ runSealed: false })).toBe('fresh');
  expect(reason({ runSealed: false, boundVersion: 'v', newestEpoch: 3, newestDigest: 'd' }, true)).toBe('replay');
  expect(reason({ runSealed: false, newestEpoch: 2, newestDigest: 'other' })).toBe('fresh');
  expect(reason({ runSealed: false, newestEpoch: 3, newestDigest: 'other' })).toBe('candidateConflict');
  expect(reason({ runSealed: false, newestEpoch: 4 }, true)).toBe('staleEpoch');
  expect(reason({ runSealed: true }, true)).toBe('runSealed');
  expect(reason({ runSealed: false, boundVersion: 'w' })).toBe('otherTask');
});

test('splits are 80/10/10, seeded, and stratified ones keep every stratum within a row of its share', () => {
  fc.assert(
    fc.property(fc.integer({ min: 50, max: 400 }), fc.integer(), (rows, seed) => {
      const strata = Int32Array.from({ length: rows }, (_, row) => Math.floor(Math.sqrt(row)) % 3);
      const splits = splitRows({ strategy: 'stratified', seed, rows, strata });
      expect(splitRows({ strategy: 'stratified', seed, rows, strata })).toEqual(splits);
      for (const split of ['search', 'validation'] as const) {
        expect(Math.abs(splits.filter((each) => each === split).length - rows / 10)).toBeLessThanOrEqual(1);
        for (const stratum of [0, 1, 2]) {
          const members = splits.filter((_, row) => strata[row] === stratum);
          const share = members.filter((each) => each === split).length;
          expect(Math.abs(share - members.length / 10)).toBeLessThanOrEqual(2);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('another seed gives another split', () => {
  const first = splitRows({ strategy: 'random', seed: 1, rows: 200 });
  expect(splitRows({ strategy: 'random', seed: 2, rows: 200 })).not.toEqual(first);
});

test('a group never lies in two splits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 120, maxLength: 300 }),
      fc.integer(),
      (ids, seed) => {
        const groups = ids.map((id) => `g${id}`);
        const splits = splitRows({ strategy: 'group', seed, rows: ids.length, groups });
        const place = new Map<string, string>();
        for (const [row, group] of groups.entries()) {
          expect(place.get(group) ?? splits[row]).toBe(splits[row]);
          place.set(group, splits[row] ?? '');
        }
        expect(splits.filter((split) => split === 'search').length).toBeGreaterThan(0);
        expect(splits.filter((split) => split === 'validation').length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 30 },
  );
});

test('a time split hides the newest rows', () => {
  const times = Array.from({ length: 100 }, (_, row) => (row * 37) % 100);
  const splits = splitRows({ strategy: 'time', seed: 1, rows: 100, times });
  const newest = (split: string): number => Math.max(...times.filter((_, row) => splits[row] === split));
  expect([newest('train'), newest('search'), newest('validation')]).toEqual([79, 89, 99]);
});

test('deciles are the strata of a numeric target', () => {
  const strata = quantileStrata(Float64Array.from({ length: 100 }, (_, row) => (row * 7) % 100));
  for (let bin = 0; bin < 10; bin += 1) expect(strata.filter((stratum) => stratum === bin).length).toBe(10);
  expect(new Set(quantileStrata(new Float64Array(30).fill(3))).size).toBe(1);
});

test('the baseline is what the metric rewards without features', () => {
  const truth = Float64Array.of(0, 1, 1, 2);
  expect([...trivialBaseline(metric('log-loss'), truth, 3, 3).row]).toEqual([0.25, 0.5, 0.25]);
  expect([...trivialBaseline(metric('accuracy'), truth, 3, 1).row]).toEqual([1]);
  expect([...trivialBaseline(metric('rmse'), truth, 0, 1).row]).toEqual([1]);
  expect([...trivialBaseline(metric('mae'), Float64Array.of(0, 0, 1, 9), 0, 1).row]).toEqual([0.5]);
  expect([...trivialBaseline(metric('roc-auc'), Float64Array.of(0, 1), 2, 1).row]).toEqual([0.5]);
});

test('the winner is the best on validation, and the bootstrap says how sure that is', () => {
  const count = 200;
  const truth = Float64Array.from({ length: count }, (_, row) => row % 7);
  const off = (by: number): Float64Array => truth.map((value, row) => value + by * (((row * 31) % 11) / 5 - 1));
  const validation = { count, truth, width: 1, classCount: 0 };
  const contenders = [
    { candidateId: 'bad', eligible: true, prediction: off(2) },
    { candidateId: 'cheat', eligible: false, prediction: off(0.01) },
    { candidateId: 'good', eligible: true, prediction: off(0.5) },
  ];
  const selection = selectWinner(metric('rmse'), validation, contenders, 'seed');
  expect(selection.winnerId).toBe('good');
  expect(selection.ranked.map((each) => each.candidateId)).toEqual(['cheat', 'good', 'bad']);
  expect(selection.ranked.map((each) => each.probabilityBest)).toEqual([0, expect.closeTo(1, 9), 0]);
  const score = selection.ranked[1]?.validationScore ?? 0;
  expect(selection.interval?.low).toBeLessThan(score);
  expect(selection.interval?.high).toBeGreaterThan(score);
  expect(selectWinner(metric('rmse'), validation, contenders, 'seed')).toEqual(selection);
  expect(selectWinner(metric('rmse'), validation, [], 'seed')).toEqual({ ranked: [] });
});

test('equal finalists share the probability of being best, and the earlier one wins', () => {
  const truth = Float64Array.from({ length: 60 }, (_, row) => row % 2);
  const prediction = truth.map((value, row) => (row % 5 === 0 ? 1 - value : value));
  const contenders = ['first', 'second'].map((candidateId) => ({ candidateId, eligible: true, prediction }));
  const selection = selectWinner(metric('accuracy'), { count: 60, truth, width: 1, classCount: 2 }, contenders, 's');
  expect(selection.winnerId).toBe('first');
  expect(selection.ranked.map((each) => each.probabilityBest)).toEqual([
    expect.closeTo(0.5, 9),
    expect.closeTo(0.5, 9),
  ]);
});
