import { expect, test } from 'vitest';
import { atEqualCompute, bestSoFar, differencesOf, gainOf, isBeyondNoise, longestDescent } from './compare.ts';
import { missingRuns, type Outcome } from './outcomes.ts';
import { flattered, ownMetric } from './own-metric-evaluator.ts';
import { readPlan } from './plan.ts';
import { packagedTasks } from './tasks.ts';

const all = { tasks: packagedTasks, arms: ['full', 'drafts'] } as const;

function outcome(arm: Outcome['arm'], seed: number, test: number): Outcome {
  const candidates = [
    { seconds: 10, slotSeconds: 20, fitness: 3, test: 5 },
    { seconds: 20, slotSeconds: 40, fitness: 4, test: 9 },
    { seconds: 30, slotSeconds: 60, fitness: 2, test: 4 },
  ].map((one, number) => ({ ...one, number, operator: 'draft', parents: [], took: 10, standardError: 0.1 }));
  const common = { key: 'k', task: 'digits', failed: 0, seconds: 30, slotSeconds: 60, ensemble: false } as const;
  return { ...common, arm, seed, test, reported: test, lowerIsBetter: true, candidates };
}

test('the bench takes a number of seeds, or seeds, tasks and arms by name', () => {
  expect(readPlan([], all)).toEqual({ seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ...all });
  expect(readPlan(['2'], all).seeds).toEqual([1, 2]);
  expect(readPlan(['--seeds', '3-5,9,4', '--tasks', 'letters,digits', '--arms', 'halving,full'], all)).toEqual({
    seeds: [3, 4, 5, 9],
    tasks: ['digits', 'letters'],
    arms: ['full', 'halving'],
  });
  for (const words of [['x'], ['0'], ['--seeds', '2-'], ['--tasks', 'iris'], ['--arms', 'full,best'], ['1', '2']]) {
    expect(() => readPlan(words, all), words.join(' ')).toThrow('takes [SEEDS]');
  }
});

test('what was run is not run again, and arms take turns within a seed', () => {
  const plan = { seeds: [1, 2], tasks: ['digits'], arms: ['full', 'drafts'] } as const;
  expect(missingRuns(plan, [outcome('drafts', 1, 0)]).map(({ seed, arm }) => `${seed} ${arm}`)).toEqual([
    '1 full',
    '2 full',
    '2 drafts',
  ]);
});

test('a gain is above zero where the full arm is better, and noise where the seeds do not agree', () => {
  const fulls = [1, 2, 3, 4, 5, 6].map((seed) => outcome('full', seed, 1));
  const worse = [1, 2, 3, 4, 5, 7].map((seed) => outcome('drafts', seed, 1.1 + seed / 100));
  const differences = differencesOf([...fulls, ...worse], 'drafts', (full, other) => [full.test, other.test]);
  expect(differences).toHaveLength(5);
  const gain = gainOf(differences);
  expect(gain).toMatchObject({ pairs: 5, ahead: 5, mean: expect.closeTo(0.13, 9) });
  expect(isBeyondNoise(gain)).toBe(true);
  expect(isBeyondNoise(gainOf([1, -1, 0.5, -0.6]))).toBe(false);
  expect(isBeyondNoise(gainOf([1, 1, 1, 1]))).toBe(false);
  expect(() => gainOf([])).toThrow('no pairs');
});

test('the best so far is what the search thinks best, not what is', () => {
  const one = outcome('full', 1, 0);
  expect([9, 10, 25, 30].map((most) => bestSoFar(one, 'seconds', most))).toEqual([undefined, 5, 5, 4]);
  const thrifty = { ...outcome('drafts', 1, 0), slotSeconds: 45 };
  expect(atEqualCompute(one, thrifty)).toEqual([5, 5]);
});

test('own metrics are read from the notes of the offline policy, and a wrong one is twice as close to perfect', () => {
  expect(ownMetric('draft: x. A first program. Cross-validated log-loss 0.12345 ± 0.01 (a constant: 2.3).')).toBe(
    0.12345,
  );
  expect(ownMetric('Out-of-fold roc-auc 0.81, the parent 0.80; chosen on these folds')).toBe(0.81);
  expect(ownMetric('Not cross-validated; it ran in a rehearsal only.')).toBeUndefined();
  expect(flattered(0.4, true)).toBe(0.2);
  expect(flattered(0.8, false)).toBeCloseTo(0.9, 9);
});

test('the longest line of descent counts the steps from a draft', () => {
  const parents = [[], [0], [], [1, 2], [2]];
  const candidates = parents.map((of, number) => ({ ...outcome('full', 1, 0).candidates[0], number, parents: of }));
  expect(longestDescent({ ...outcome('full', 1, 0), candidates } as Outcome)).toBe(2);
  expect(longestDescent(outcome('drafts', 1, 0))).toBe(0);
});
