import { expect, test } from 'vitest';
import type { Run } from './core/model.ts';
import { liveRunsReader } from './live-runs.ts';
import { sampleRun } from './testing/sample-run.ts';

function coordinatorWith(runs: Map<string, Run>) {
  const asked: number[] = [];
  return {
    asked,
    listRuns: async (limit: number) => {
      asked.push(limit);
      return await Promise.resolve([...runs.values()].reverse().slice(0, limit));
    },
    getRun: async (id: string) => {
      const run = runs.get(id);
      return run === undefined ? await Promise.reject(new Error('no such run')) : await Promise.resolve(run);
    },
  };
}

function add(runs: Map<string, Run>, runId: string, state: Run['state']): void {
  runs.set(runId, sampleRun({ runId, state }));
}

function ids(runs: readonly Run[]): string[] {
  return runs.map(({ runId }) => runId);
}

test('a run that goes on is found behind hundreds that were created after it and have ended', async () => {
  const runs = new Map<string, Run>();
  add(runs, 'old', 'running');
  for (let number = 0; number < 700; number += 1) add(runs, `r-${number}`, number % 2 === 0 ? 'sealed' : 'killed');
  const coordinator = coordinatorWith(runs);
  const look = liveRunsReader(coordinator);
  expect(ids(await look([]))).toEqual(['old']);
  add(runs, 'new', 'paused');
  expect(ids(await look([]))).toEqual(['new', 'old']);
  // Only the first look reaches far back.
  expect(coordinator.asked[1]).toBeLessThanOrEqual(50);
  add(runs, 'old', 'sealed');
  runs.delete('new');
  expect(ids(await look([]))).toEqual([]);
});

test('a run that holds a slot is found however old it is', async () => {
  const runs = new Map<string, Run>();
  add(runs, 'ancient', 'running');
  for (let number = 0; number < 3000; number += 1) add(runs, `r-${number}`, 'sealed');
  const look = liveRunsReader(coordinatorWith(runs));
  expect(ids(await look(['ancient', 'ancient', 'gone']))).toEqual(['ancient']);
  expect(ids(await look([]))).toEqual(['ancient']);
});
