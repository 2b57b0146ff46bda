// What leaves the evaluator for the last execution of a sealed run, and when.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EvaluatorRig, type Folder, startEvaluatorRig } from '../testing/evaluator-rig.ts';

// Enough rows that no split is without a wrong answer, which would be held back as too good.
const rows = Array.from({ length: 600 }, (_, row) => row + 1);
const labelOf = (row: number): string => (row % 3 === 0 ? 'yes' : 'no');

function folder(name: string, more: string): Folder {
  return {
    'task.yaml': `name: ${name}\nmetric: accuracy\ntarget: y\n${more}`,
    'train.csv': `id,a,y,late\n${rows.map((row) => `${row},${row},${labelOf(row)},late${row}\n`).join('')}`,
    'test.csv': 'id,a\n901,901\n902,902\n',
    'sample_submission.csv': 'id,y\n902,no\n901,no\n',
    'description.md': '# Refit\n',
  };
}

/** Numbers that two programs tell with opposite errors: their mean is far better than either. */
const numbers: Folder = {
  ...folder('blended', 'refit: true\n'),
  'task.yaml': 'name: blended\nmetric: rmse\ntarget: y\nrefit: true\n',
  'train.csv': `id,a,y\n${rows.map((row) => `${row},${row},${(row * 7) % 50}\n`).join('')}`,
  'sample_submission.csv': 'id,y\n902,0\n901,0\n',
};

let rig: EvaluatorRig;

beforeAll(async () => {
  rig = await startEvaluatorRig([folder('again', 'refit: true\n'), folder('once', ''), numbers]);
});

afterAll(() => rig.stop());

const linesOf = (files: Map<string, string>, name: string): string[] =>
  (files.get(name) ?? '').trimEnd().split('\n').slice(1);

async function evaluated(task: string, run: string): Promise<void> {
  const lines = linesOf(await rig.bundle(task), 'test.csv').map((line, row) => {
    const [id, a] = line.split(',');
    return `${id},${labelOf(Number(a) + (row % 4 === 0 ? 1 : 0))}\n`;
  });
  const response = await rig.evaluate(task, run, 'c-1', `id,y\n${lines.join('')}`);
  expect(response.score?.value).toBeGreaterThan(0.5);
}

test('labels stay until the seal, and for ever where the task does not say refit', async () => {
  await evaluated('again', 'run-1');
  await expect(rig.refitBundle('run-1')).rejects.toMatchObject({ reason: 'runNotSealed' });
  await expect(rig.submitRefit('run-1', 'id,y\n')).rejects.toMatchObject({ reason: 'runNotSealed' });
  await expect(rig.refitBundle('run-9')).rejects.toMatchObject({ reason: 'runUnknown' });
  await evaluated('once', 'run-2');
  await rig.seal('once', 'run-2', ['c-1']);
  await expect(rig.refitBundle('run-2')).rejects.toMatchObject({ reason: 'noRefit' });
});

test('after the seal the bundle has all labels, nothing more is evaluated, and the first accepted file is the final one', async () => {
  await evaluated('again', 'run-3');
  const verdict = await rig.seal('again', 'run-3', ['c-1']);
  const before = await rig.finalSubmission('run-3');
  const files = await rig.refitBundle('run-3');
  expect(files.get('train.csv')?.split('\n')[0]).toBe('id,a,late,y');
  const train = linesOf(files, 'train.csv').map((line) => line.split(','));
  expect(train.map(([, a]) => Number(a)).sort((left, right) => left - right)).toEqual(rows);
  expect(train.every(([, a, , y]) => y === labelOf(Number(a)))).toBe(true);
  expect(train.filter(([, , late]) => late === '')).toHaveLength(120);
  expect(new Set(linesOf(files, 'test.csv').map((line) => line.split(',')[1]))).toEqual(new Set(['901', '902']));
  await expect(rig.evaluate('again', 'run-3', 'c-2', 'id,y\n')).rejects.toMatchObject({ reason: 'runSealed' });
  const ids = linesOf(files, 'test.csv').map((line) => line.split(',') as [string, string]);
  const answer = (label: (a: string) => string): string =>
    `id,y\n${ids.map(([id, a]) => `${id},${label(a)}\n`).join('')}`;
  expect((await rig.submitRefit('run-3', 'id,y\n')).refusal?.error).toBe('SUBMISSION_ERROR_EMPTY');
  expect(await rig.finalSubmission('run-3')).toBe(before);
  const refitted = answer((a) => (a === '901' ? 'yes' : 'no'));
  for (const _ of [1, 2]) expect((await rig.submitRefit('run-3', refitted)).refusal).toBeNull();
  expect(await rig.finalSubmission('run-3')).toBe('id,y\n902,no\n901,yes\n');
  await expect(
    rig.submitRefit(
      'run-3',
      answer(() => 'no'),
    ),
  ).rejects.toMatchObject({ reason: 'refitConflict' });
  expect(await rig.seal('again', 'run-3', ['c-1'])).toEqual(verdict);
  const { records } = await rig.client.listLedger({ runId: 'run-3' }, { deadlineMs: 5000 });
  const types = records.map(({ bodyJson }) => (JSON.parse(bodyJson) as { type: string }).type);
  expect(types.indexOf('runSealed')).toBeLessThan(types.indexOf('refitBundleSent'));
  expect(types.filter((type) => type === 'refitSubmitted')).toHaveLength(3);
});

test('an ensemble is refitted member by member, by the same weights, and not in part', async () => {
  const lines = linesOf(await rig.bundle('blended'), 'test.csv').map((line) => line.split(','));
  for (const [candidate, sign] of [
    ['c-1', 1],
    ['c-2', -1],
  ] as const) {
    const told = lines.map(([id, a], row) => `${id},${((Number(a) * 7) % 50) + sign * (4 + (row % 5)) + (row % 3)}\n`);
    expect((await rig.evaluate('blended', 'run-4', candidate, `id,y\n${told.join('')}`)).result).toBe('score');
  }
  const { ensemble } = await rig.seal('blended', 'run-4', ['c-1', 'c-2']);
  expect(ensemble?.selected).toBe(true);
  const weightOf = new Map(ensemble?.members.map(({ candidateId, weight }) => [candidateId, weight]));
  const ids = linesOf(await rig.refitBundle('run-4'), 'test.csv').map((line) => line.split(','));
  const answer = (value: number): string => `id,y\n${ids.map(([id]) => `${id},${value}\n`).join('')}`;
  const before = await rig.finalSubmission('run-4');
  await expect(rig.submitRefit('run-4', answer(0))).rejects.toMatchObject({ reason: 'badHeader' });
  await expect(rig.submitRefit('run-4', answer(0), 'c-9')).rejects.toMatchObject({ reason: 'badHeader' });
  expect((await rig.submitRefit('run-4', answer(8), 'c-1')).refusal).toBeNull();
  expect(await rig.finalSubmission('run-4')).toBe(before);
  expect((await rig.submitRefit('run-4', answer(16), 'c-2')).refusal).toBeNull();
  const blended = 8 * (weightOf.get('c-1') ?? 0) + 16 * (weightOf.get('c-2') ?? 0);
  expect(blended).toBeGreaterThan(8);
  expect(await rig.finalSubmission('run-4')).toBe(`id,y\n902,${blended}\n901,${blended}\n`);
});

test('a run that goes on after the labels left for a refit says so, and one that had ended before does not', async () => {
  await evaluated('again', 'run-5');
  expect((await rig.seal('again', 'run-5', ['c-1'])).notes).toEqual([
    expect.stringMatching(/^all labels of this task had left the evaluator for the refit of run-3 on \d{4}-\d\d-\d\d/),
  ]);
  await evaluated('once', 'run-6');
  expect((await rig.seal('once', 'run-6', ['c-1'])).notes).toEqual([]);
});
