// A task with its own grader through the evaluator's service, the grader played by a fake.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { SandboxError } from '../../shared/sandbox/sandbox-error.ts';
import { createFakeGrader } from '../grader/fake-grader.ts';
import type { Grader, GraderCall } from '../grader/grader.ts';
import { checkFolder } from '../import/import-task.ts';
import { reportOf } from '../import/report.ts';
import { type EvaluatorRig, startEvaluatorRig, writeFolder } from '../testing/evaluator-rig.ts';
import { gradedFolder, gradedTruth } from '../testing/graded-folder.ts';

const calls: GraderCall[] = [];
let isAway = false;
/** How the next calls fail, one each. */
let failing: ('timeout' | 'outOfMemory')[] = [];
/** Mean error of the first column; 30 replicates of it, each a little off. */
const fake = createFakeGrader((call) => {
  if (isAway) throw new SandboxError('no Docker engine answers');
  calls.push(call);
  const failure = failing.shift();
  if (failure !== undefined) return failure;
  const rows = (bytes: Uint8Array): string[][] =>
    Buffer.from(bytes)
      .toString()
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
  const truth = new Map(rows(call.answers).map(([id = '', y]) => [id, Number(y)]));
  const told = rows(call.submission);
  if (told.some(([, low]) => Number.isNaN(Number(low)))) return 'invalidSubmission';
  const value =
    told.reduce((sum, [id = '', low]) => sum + Math.abs(Number(low) - (truth.get(id) ?? 0)), 0) / told.length;
  return { value, standardError: 0.1, replicates: Array.from({ length: 30 }, (_, draw) => value + 0.01 * (draw % 5)) };
});
/** What happens while the next call is graded. */
let meanwhile: (() => Promise<unknown>) | undefined;
const grader: Grader = {
  ...fake,
  async grade(call) {
    const happens = meanwhile;
    meanwhile = undefined;
    await happens?.();
    return await fake.grade(call);
  },
};
let rig: EvaluatorRig;

beforeAll(async () => {
  rig = await startEvaluatorRig([gradedFolder], { fake: grader });
});

afterAll(() => rig.stop());

async function answer(low: (a: number) => string): Promise<string> {
  const files = await rig.bundle('graded');
  const lines = (files.get('test.csv') ?? '').trimEnd().split('\n').slice(1);
  return `id,low,high\n${lines.map((line) => `${line.split(',')[0]},${low(Number(line.split(',')[1]))},0\n`).join('')}`;
}

test('the dry run shows what agents see, and neither that nor the bundle has the grader', async () => {
  const report = reportOf(await checkFolder(await writeFolder(gradedFolder)));
  expect(report).toMatchObject({
    metric: 'grader',
    predictionColumns: ['low', 'high'],
    split: 'random',
    lowerIsBetter: true,
  });
  const files = await rig.bundle('graded');
  expect(new Set(files.keys())).toEqual(new Set(['description.md', 'sample_submission.csv', 'test.csv', 'train.csv']));
  expect(files.get('sample_submission.csv')?.split('\n')[1]).toMatch(/^r[0-9a-f]{12},1,2$/);
});

test('search rows alone are graded before the seal; then validation rows choose, and all are paired by one seed', async () => {
  for (const [candidate, off] of [
    ['c-1', 1],
    ['c-2', 0.5],
  ] as const) {
    const response = await rig.evaluate(
      'graded',
      'run-1',
      candidate,
      await answer((a) => String(gradedTruth(a) + off)),
    );
    expect(response.score).toMatchObject({ value: off, standardError: 0.1 });
  }
  const rows = (call: GraderCall): number => Buffer.from(call.answers).toString().trimEnd().split('\n').length - 1;
  expect(calls.map(rows)).toEqual([20, 20]);
  expect(Buffer.from(calls[0]?.answers ?? []).toString()).toMatch(/^id,y\nr[0-9a-f]{12},\d+\n/);
  const again = await rig.evaluate('graded', 'run-2', 'c-1', await answer((a) => String(gradedTruth(a) + 1)));
  expect([again.cached, calls.length]).toEqual([true, 2]);
  const verdict = await rig.seal('graded', 'run-1', ['c-2', 'c-1']);
  expect(verdict).toMatchObject({ winnerId: 'c-2', metric: 'grader', validationRows: 20, hasFinalSubmission: true });
  expect(verdict.finalists[0]).toMatchObject({ validationScore: 0.5, probabilityBest: 1, testScore: 0.5 });
  expect(verdict.finalScore).toBeCloseTo(0.5, 9);
  expect(verdict.intervalLow).toBeLessThan(verdict.intervalHigh);
  expect(verdict.notes).toEqual([]);
  expect(
    new Set(
      calls
        .slice(2)
        .filter((call) => rows(call) === 20)
        .map(({ seed }) => seed),
    ).size,
  ).toBe(2);
  expect(await rig.finalSubmission('run-1')).toMatch(/^id,low,high\n901,1.5,0\n902,4.5,0\n$/);
});

test('a seal grades each finalist once on each split, and so the baseline', async () => {
  for (const off of [11, 12])
    await rig.evaluate('graded', 'run-once', `c-${off}`, await answer((a) => String(gradedTruth(a) + off)));
  const before = calls.length;
  expect(await rig.seal('graded', 'run-once', ['c-11', 'c-12'])).toMatchObject({ winnerId: 'c-11' });
  const asked = calls.slice(before).map(({ answers, submission }) => `${answers.toString()}/${submission.toString()}`);
  expect(asked).toHaveLength(6);
  expect(new Set(asked).size).toBe(6);
});

test('a finalist that is evaluated again while a seal is graded is judged by what it is then', async () => {
  const off = async (by: number): Promise<string> => await answer((a) => String(gradedTruth(a) + by));
  await rig.evaluate('graded', 'run-moved', 'c-1', await off(13));
  await rig.evaluate('graded', 'run-moved', 'c-2', await off(14));
  const better = await off(2);
  meanwhile = () => rig.evaluate('graded', 'run-moved', 'c-2', better, { epoch: 2 });
  const verdict = await rig.seal('graded', 'run-moved', ['c-1', 'c-2']);
  expect(verdict).toMatchObject({ winnerId: 'c-2' });
  expect(verdict.finalists.find(({ candidateId }) => candidateId === 'c-2')).toMatchObject({ validationScore: 2 });
});

test('a refusal is one of the fixed sentences, and the same predictions are not graded again', async () => {
  const before = calls.length;
  for (const candidate of ['c-3', 'c-4']) {
    const { refusal } = await rig.evaluate('graded', 'run-3', candidate, await answer(() => 'low'));
    expect(refusal).toMatchObject({
      error: 'SUBMISSION_ERROR_INVALID_VALUE',
      message: 'the grader refused the submission',
    });
  }
  expect(calls.length).toBe(before + 1);
});

test('where the engine is away the call is to be repeated, and nothing is recorded', async () => {
  isAway = true;
  const submission = await answer((a) => String(a));
  await expect(rig.evaluate('graded', 'run-4', 'c-1', submission)).rejects.toMatchObject({ code: 'unavailable' });
  isAway = false;
  expect((await rig.evaluate('graded', 'run-4', 'c-1', submission)).cached).toBe(false);
});

test.each([
  ['timeout', 2],
  ['outOfMemory', 3],
] as const)(
  'a %s of the grader refuses nobody: it is to be repeated, and equal predictions are graded',
  async (failure, factor) => {
    const submission = await answer((a) => String(a * factor));
    failing = [failure, failure];
    const run = `run-${failure}`;
    await expect(rig.evaluate('graded', run, 'c-1', submission)).rejects.toMatchObject({ code: 'aborted' });
    await expect(rig.evaluate('graded', run, 'c-2', submission)).rejects.toMatchObject({ code: 'aborted' });
    expect((await rig.evaluate('graded', run, 'c-3', submission)).score).toBeDefined();
    expect((await rig.evaluate('graded', run, 'c-1', submission)).score).toBeDefined();
  },
);

test('a seal asks a grader that failed again, and names the finalist that it never graded', async () => {
  for (const [candidate, off] of [
    ['c-1', 1],
    ['c-2', 3],
  ] as const) {
    const submission = await answer((a) => String(gradedTruth(a) + off));
    await rig.evaluate('graded', 'run-faults', candidate, submission);
    await rig.evaluate('graded', 'run-fault', candidate, submission);
  }
  const lost = await answer((a) => String(gradedTruth(a) + 7));
  await rig.evaluate('graded', 'run-faults', 'c-3', lost);
  failing = new Array<'timeout'>(40).fill('timeout');
  const named = await rig.seal('graded', 'run-faults', ['c-3']);
  expect(named.winnerId).toBe('');
  expect(named.notes.join()).toContain('no score on the validation rows for c-3');
  failing = ['timeout', 'outOfMemory'];
  const verdict = await rig.seal('graded', 'run-fault', ['c-2', 'c-1']);
  expect(verdict.notes.join()).not.toContain('no score');
  expect(verdict.winnerId).toBe('c-1');
});

test.each([
  ['no metric and no grader', { 'task.yaml': 'name: graded\ntarget: y\n' }, /the key metric is missing/],
  ['both', { 'task.yaml': `${gradedFolder['task.yaml']}metric: rmse\n` }, /both a metric and a grader/],
  [
    'a grader that is not there',
    { 'task.yaml': 'name: graded\ngrader: { file: other.py, better: lower }\ntarget: y\n' },
    /other.py: the file is missing/,
  ],
  [
    'a grader that needs MLE-bench',
    {
      'grade.py': [
        'from mlebench.grade_helpers import InvalidSubmissionError',
        'from mlebench.competitions.utils import prepare_for_auroc_metric',
        '',
      ].join('\n'),
    },
    /grade.py.*line 2.*prepare_for_auroc_metric of mlebench.competitions.utils.*Copy what it needs/s,
  ],
  [
    'a grader without a direction',
    { 'task.yaml': 'name: graded\ngrader: { file: grade.py }\ntarget: y\n' },
    /grader.better/,
  ],
])('%s is refused with the next step', async (_, changed, message) => {
  await expect(checkFolder(await writeFolder({ ...gradedFolder, ...changed }))).rejects.toThrow(message);
});
