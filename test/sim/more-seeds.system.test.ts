import { expect, test } from 'vitest';
import { simulateMany } from './many.ts';

// The first 60 are in simulation.system.test.ts.
test('440 more seeds of faults: nothing is lost, nothing counts twice, no stale epoch is taken, and every run ends', async () => {
  const summary = await simulateMany(61, 440);
  console.info(summary.text);
  expect(summary.failures).toEqual([]);
}, 120_000);
