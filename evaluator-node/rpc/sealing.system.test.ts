// Sealing takes seconds where there are many finalists; what happens meanwhile must neither wait nor be lost.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { nextFloat, nextInt, seedRng } from '../../shared/core/rng.ts';
import { type AttackedEvaluator, attackEvaluator, labelFile } from '../../test/support/attacked-evaluator.ts';

const rows = 1500;
const finalists = 10;
const rng = seedRng('sealing');
const labels = (): number[] => Array.from({ length: rows }, () => nextInt(rng, 2));
const [search, validation] = [labels(), labels()];
let evaluator: AttackedEvaluator;

beforeAll(async () => {
  evaluator = await attackEvaluator([
    { name: 'slow', metric: 'roc-auc', feedback: 'quantised', search, validation },
    { name: 'other', metric: 'roc-auc', feedback: 'quantised', search: [0, 1], validation: [0, 1] },
  ]);
});

afterAll(() => evaluator.stop());

/** Probabilities that are right more often than not. */
function guess(): string {
  return labelFile([...search, ...validation].map((label) => 0.7 * nextFloat(rng) + 0.3 * label));
}

async function evaluated(run: string): Promise<string[]> {
  const ids = Array.from({ length: finalists }, (_, index) => `c-${index}`);
  for (const candidate of ids) await evaluator.submit({ task: 'slow', run, candidate }, guess());
  return ids;
}

test('while a run is sealed, other calls are answered', async () => {
  const candidateIds = await evaluated('run-1');
  let sealed = false;
  const seal = evaluator.client
    .sealRun({ runId: 'run-1', task: 'slow', candidateIds }, { deadlineMs: 60_000 })
    .finally(() => {
      sealed = true;
    });
  await evaluator.client.listTasks({}, { deadlineMs: 60_000 });
  expect(sealed).toBe(false);
  const { result } = await evaluator.submit(
    { task: 'other', run: 'run-2', candidate: 'c' },
    labelFile([0.2, 0.8, 0.3, 0.9]),
  );
  expect(result).toBe('score');
  expect((await seal).verdict?.finalists.length).toBe(finalists);
});

test('two seals at once give one verdict, and a candidate that is evaluated meanwhile is judged by its newest file', async () => {
  const candidateIds = await evaluated('run-3');
  const request = { runId: 'run-3', task: 'slow', candidateIds };
  const seal = () => evaluator.client.sealRun(request, { deadlineMs: 60_000 });
  const first = seal();
  // Whether it comes before the seal or is refused after it, answer and verdict agree.
  const newer = await evaluator
    .submit({ task: 'slow', run: 'run-3', candidate: 'c-0', epoch: 2 }, guess())
    .catch(() => undefined);
  const [one, two] = await Promise.all([first, seal()]);
  expect(two).toEqual(one);
  const judged = one.verdict?.finalists.find(({ candidateId }) => candidateId === 'c-0');
  expect(judged?.searchScore === newer?.score?.value).toBe(newer !== undefined);
});
