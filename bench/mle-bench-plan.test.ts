import { expect, test } from 'vitest';
import { paperNeeds } from './mle-bench-plan.ts';

test('what the paper takes is computed from the hours, and its price from what an hour of an attempt has cost', () => {
  const needs = paperNeeds({ laneHours: 10, dollars: 5, candidates: 20, trajectoriesPerSlot: 2 });
  const [full, single] = needs;
  expect(full).toMatchObject({ gpuHours: 51_840, hosts: 9, candidates: 207_360, dollars: 51_840 });
  expect(single).toMatchObject({ gpuHours: 6480, hosts: 2 });
  expect(needs.at(-1)).toMatchObject({ arm: 'all arms', gpuHours: 213_840 });
  expect(() => paperNeeds({ laneHours: 0, dollars: 0, candidates: 0, trajectoriesPerSlot: 1 })).toThrow('no time');
});
