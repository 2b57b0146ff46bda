// What a fork may and may not do at the evaluator: its family has one query budget, and its verdict says where it came from.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EvaluatorRig, type Folder, startEvaluatorRig } from '../testing/evaluator-rig.ts';

// Enough rows that no split is without a wrong answer, which would be held back as too good.
const rows = Array.from({ length: 600 }, (_, row) => row + 1);
const labelOf = (row: number): string => (row % 3 === 0 ? 'yes' : 'no');

function folder(name: string, more: string): Folder {
  return {
    'task.yaml': `name: ${name}\nmetric: accuracy\ntarget: y\n${more}`,
    'train.csv': `id,a,y\n${rows.map((row) => `${row},${row},${labelOf(row)}\n`).join('')}`,
    'test.csv': 'id,a\n901,901\n902,902\n',
    'sample_submission.csv': 'id,y\n902,no\n901,no\n',
    'description.md': '# Forks\n',
  };
}

let rig: EvaluatorRig;
beforeAll(async () => {
  rig = await startEvaluatorRig([folder('few', 'queries:\n  run: 4\n'), folder('many', '')]);
});
afterAll(() => rig.stop());

/** Predictions that are wrong for every `each`-th row, so that different numbers are different queries. */
async function evaluate(task: string, run: string, candidate: string, each: number) {
  const lines = ((await rig.bundle(task)).get('test.csv') ?? '').trimEnd().split('\n').slice(1);
  const answers = lines.map((line, row) => {
    const [id, a] = line.split(',');
    return `${id},${labelOf(Number(a) + (row % each === 0 ? 1 : 0))}\n`;
  });
  return await rig.evaluate(task, run, candidate, `id,y\n${answers.join('')}`);
}

const fork = (runId: string, fromRunId: string, pairs: Readonly<Record<string, string>>) =>
  rig.client.forkRun(
    {
      ...{ runId, fromRunId },
      candidates: Object.entries(pairs).map(([candidateId, fromCandidateId]) => ({ candidateId, fromCandidateId })),
    },
    { deadlineMs: 60_000 },
  );

test('a run and all its forks share one query budget, whoever of them asks', async () => {
  await evaluate('few', 'run-a', 'a-1', 3);
  await evaluate('few', 'run-a', 'a-2', 4);
  await fork('run-b', 'run-a', { 'b-1': 'a-1' });
  await fork('run-c', 'run-b', { 'c-1': 'b-1' });
  // A repeated answer is no query: the fork has it already.
  expect((await evaluate('few', 'run-c', 'c-2', 3)).cached).toBe(true);
  expect((await evaluate('few', 'run-c', 'c-3', 5)).result).toBe('score');
  expect((await evaluate('few', 'run-a', 'a-3', 6)).result).toBe('score');
  for (const [run, candidate] of [
    ['run-a', 'a-4'],
    ['run-b', 'b-4'],
    ['run-c', 'c-4'],
  ] as const) {
    const refused = await evaluate('few', run, candidate, 7);
    expect(refused.refusal?.error).toBe('SUBMISSION_ERROR_QUERY_BUDGET');
  }
});

test('an inherited candidate can win, its answer is in the ledger under its own name, and the verdict tells the origin', async () => {
  await evaluate('many', 'old', 'o-1', 4);
  await fork('new', 'old', { 'n-1': 'o-1' });
  await fork('new', 'old', { 'n-1': 'o-1' });
  await evaluate('many', 'new', 'n-2', 1);
  const { records } = await rig.client.listLedger(
    { runId: 'new', pageSize: 100, pageToken: '' },
    { deadlineMs: 60_000 },
  );
  const told = records.map(({ bodyJson }) => JSON.parse(bodyJson) as { candidateId: string; cached: boolean });
  expect(told.map(({ candidateId, cached }) => [candidateId, cached])).toEqual([
    ['n-1', true],
    ['n-2', false],
  ]);
  const verdict = await rig.seal('many', 'new', ['n-1', 'n-2']);
  expect(verdict.winnerId).toBe('n-1');
  expect(verdict.notes).toContain(
    'the run was forked from old, of which no validation score had been told before this seal',
  );
});

test('a fork of a sealed run goes on, and its verdict says that it is not blind', async () => {
  await evaluate('many', 'told', 't-1', 9);
  await rig.seal('many', 'told', ['t-1']);
  await fork('again', 'told', { 'g-1': 't-1' });
  await fork('further', 'again', { 'f-1': 'g-1' });
  const { notes } = await rig.seal('many', 'further', ['f-1']);
  expect(notes.join()).toContain('validation scores of told had been told before this seal');
});

test('what cannot be inherited is refused with the reason', async () => {
  await evaluate('many', 'some', 's-1', 9);
  await expect(fork('bad-1', 'nowhere', {})).rejects.toMatchObject({ reason: 'runUnknown' });
  await expect(fork('bad-2', 'some', { 'x-1': 's-9' })).rejects.toMatchObject({ reason: 'candidateUnscored' });
  await fork('good', 'some', { 'x-1': 's-1' });
  await expect(fork('good', 'told', { 'x-1': 't-1' })).rejects.toMatchObject({ reason: 'runExists' });
});
