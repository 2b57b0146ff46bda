import { expect, test } from 'vitest';
import { type Done, durationsMs, generationsMs, greedyMs, idlesMs, judge, makespanMs } from './jobs.ts';

test('the greedy bound gives each job in order to the slot that is free first', () => {
  expect(greedyMs([4, 1, 1, 1, 5], 2)).toBe(8);
  expect(greedyMs([3, 3, 3], 3)).toBe(3);
  expect(greedyMs([1, 2, 3], 1)).toBe(6);
});

test('a generation waits for its longest job', () => {
  expect(generationsMs([4, 1, 1, 1, 5], 2)).toBe(4 + 1 + 5);
});

test('durations are the same each time, and of the mean that was asked for', () => {
  const load = { jobs: 20_000, meanMs: 150, sigma: 1 };
  const durations = durationsMs(load);
  expect(durationsMs(load)).toEqual(durations);
  const mean = durations.reduce((sum, one) => sum + one, 0) / durations.length;
  expect(mean).toBeGreaterThan(145);
  expect(mean).toBeLessThan(155);
});

const done: readonly Done[] = [
  { job: 1, slot: 'a', startMs: 10, endMs: 20 },
  { job: 2, slot: 'b', startMs: 12, endMs: 30 },
  { job: 3, slot: 'a', startMs: 23, endMs: 28 },
];

test('idle time is what lies between two jobs of one slot', () => {
  expect(idlesMs(done)).toEqual([3]);
  expect(makespanMs(done)).toBe(20);
});

test('a job that was done twice, or never, is an error and no result', () => {
  const load = { slots: 2, jobs: 3, meanMs: 10, sigma: 1 };
  expect(judge(load, done).perSecond).toBe(150);
  expect(() => judge({ ...load, jobs: 4 }, done)).toThrow('3 of 4 jobs');
  expect(() => judge(load, [...done.slice(0, 2), { ...(done[1] as Done), slot: 'c' }])).toThrow('2 of 3 jobs');
});
