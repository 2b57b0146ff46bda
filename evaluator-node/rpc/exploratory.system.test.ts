// Scores that an attempt asks for during its work: queries like any other, and never the candidate.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type EvaluatorRig, type Folder, startEvaluatorRig } from '../testing/evaluator-rig.ts';

// Enough rows that no split is without a wrong answer, which would be held back as too good.
const rows = Array.from({ length: 600 }, (_, row) => row + 1);
const labelOf = (row: number): string => (row % 3 === 0 ? 'yes' : 'no');
const task = 'explored';
const folder: Folder = {
  'task.yaml': `name: ${task}\nmetric: accuracy\ntarget: y\nqueries:\n  lineage: 3\n  run: 10\n`,
  'train.csv': `id,a,y\n${rows.map((row) => `${row},${row},${labelOf(row)}\n`).join('')}`,
  'test.csv': 'id,a\n901,901\n902,902\n',
  'sample_submission.csv': 'id,y\n902,no\n901,no\n',
  'description.md': '# Explored\n',
};

let rig: EvaluatorRig;
beforeAll(async () => {
  rig = await startEvaluatorRig([folder]);
});
afterAll(() => rig.stop());

/** Predictions that are wrong for every `each`-th row, so that different numbers are different queries. */
async function evaluate(
  each: number,
  candidate: string,
  how: { run?: string; epoch?: number; exploratory?: boolean } = {},
) {
  const lines = ((await rig.bundle(task)).get('test.csv') ?? '').trimEnd().split('\n').slice(1);
  const answers = lines.map((line, row) => {
    const [id, a] = line.split(',');
    return `${id},${labelOf(Number(a) + (row % each === 0 ? 1 : 0))}\n`;
  });
  const { run = 'run-1', ...asked } = how;
  return await rig.evaluate(task, run, candidate, `id,y\n${answers.join('')}`, asked);
}

async function fault(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'no fault',
    (error: unknown) => (error instanceof RpcFault ? `${error.code}/${error.reason}` : String(error)),
  );
}

test('any number of files in one epoch gets scores with noise, the same file the same one, and an older epoch none', async () => {
  const looks = { epoch: 3, exploratory: true };
  const first = await evaluate(3, 'a', looks);
  expect(first.score?.feedback).toMatch(/^[01]\.\d+ ± 0\.\d+$/);
  expect((await evaluate(4, 'a', looks)).result).toBe('score');
  expect(await evaluate(3, 'a', { ...looks, epoch: 4 })).toEqual({ ...first, cached: true });
  expect(await fault(evaluate(5, 'a', looks))).toBe('failedPrecondition/staleEpoch');
});

test('they are queries of the line of candidates: where it has used its own, an agent is told nothing', async () => {
  expect((await evaluate(5, 'a', { epoch: 4, exploratory: true })).score?.feedback).toMatch(/^[01]\.\d/);
  expect((await evaluate(6, 'a', { epoch: 4, exploratory: true })).score?.feedback).toContain('withheld');
});

test('they do not make the candidate: it is what was submitted at the end, and after that nothing more is looked at', async () => {
  const seal = () => rig.seal(task, 'run-1', ['a']);
  expect(await fault(seal())).toBe('failedPrecondition/candidateUnscored');
  const own = await evaluate(7, 'a', { epoch: 4 });
  expect(await fault(evaluate(8, 'a', { epoch: 4, exploratory: true }))).toBe('failedPrecondition/candidateConflict');
  const verdict = await seal();
  expect(verdict.finalists.map(({ searchScore }) => searchScore)).toEqual([own.score?.value]);
  expect(await fault(evaluate(9, 'b', { exploratory: true }))).toBe('failedPrecondition/runSealed');
});

test('a file that was looked at may be the one that is submitted, and costs nothing again', async () => {
  const about = { task, run: 'run-2' };
  const text = `id,y\n${((await rig.bundle(task)).get('test.csv') ?? '')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line, row) => `${line.split(',')[0]},${row % 4 === 0 ? 'yes' : 'no'}\n`)
    .join('')}`;
  const look = await rig.evaluate(about.task, about.run, 'c', text, { exploratory: true });
  const own = await rig.evaluate(about.task, about.run, 'c', text);
  expect(own).toEqual({ ...look, cached: true });
  expect((await rig.seal(about.task, about.run, ['c'])).winnerId).toBe('c');
});

test('looks reach half of the budget of a run: the other half is for what attempts hand in', async () => {
  const look = { run: 'run-3', exploratory: true };
  const found = [];
  for (const [at, candidate] of ['d', 'e', 'f', 'g', 'h', 'i'].entries())
    found.push(await evaluate(at + 3, candidate, look));
  expect(found.map(({ result }) => result)).toEqual([...Array(5).fill('score'), 'refusal']);
  expect(found.at(-1)?.refusal?.message).toContain('for finished attempts');
  // A refused look is no query, and does not stand in the way of the same file in the end.
  const own = { run: 'run-3', epoch: 2 };
  for (const [at, candidate] of ['i', 'j', 'k', 'l', 'm'].entries())
    expect((await evaluate(at + 8, candidate, own)).result).toBe('score');
  expect((await evaluate(13, 'n', own)).refusal?.message).toContain('all of its 10 scores');
});

test('the ledger marks each of them', async () => {
  const { records } = await rig.client.listLedger({ runId: 'run-1', pageSize: 100 }, { deadlineMs: 20_000 });
  const answers = records.map(({ bodyJson }) => JSON.parse(bodyJson) as Record<string, unknown>);
  const marks = answers.filter(({ type }) => type === 'evaluated').map(({ exploratory }) => exploratory ?? false);
  expect(marks).toEqual([true, true, true, true, true, false]);
});
