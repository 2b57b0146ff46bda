// Tasks of several targets and of texts, from the folder to the final submission.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EvaluatorRig, startEvaluatorRig, writeFolder } from '../testing/evaluator-rig.ts';
import { checkFolder } from './import-task.ts';
import { initTask } from './init.ts';

const rows = Array.from({ length: 200 }, (_, row) => row + 1);
const official = [901, 902, 903];

/** Labels of row `row`, which agents can read off the feature `a`; official rows are 901 to 903. */
type LabelsOf = (row: number) => readonly string[];

function folder(yaml: string, targets: readonly string[], labels: LabelsOf, sample: readonly string[]) {
  const line = (row: number): string => `${row},${row},${(row * 37) % 11}`;
  const empty = sample.map(() => '0').join(',');
  const quoted = (row: number): string =>
    labels(row)
      .map((label) => `"${label}"`)
      .join(',');
  return {
    'task.yaml': `${yaml}\ntest_answers: private/answers.csv\n`,
    'train.csv': `id,a,b,${targets.join(',')}\n${rows.map((row) => `${line(row)},${quoted(row)}\n`).join('')}`,
    'test.csv': `id,a,b\n${official.map((row) => `${line(row)}\n`).join('')}`,
    'sample_submission.csv': `id,${sample.join(',')}\n${official.map((row) => `${row},${empty}\n`).join('')}`,
    'private/answers.csv': `id,${targets.join(',')}\n${official.map((row) => `${row},${quoted(row)}\n`).join('')}`,
    'description.md': '# Several\n',
  };
}

const bits: LabelsOf = (row) => [String(Number(row % 2 === 0)), String(Number(row % 3 === 0))];
const numbers: LabelsOf = (row) => [String(((row * 7) % 211) ** 2 / 100), String((row % 17) * 3)];
const words: LabelsOf = (row) => [`word${row % 7} and, "again" ${row % 5}`.replaceAll('"', "'")];
const winners = ['winner_model_a', 'winner_model_b', 'winner_tie'];
const winner: LabelsOf = (row) => winners.map((_, index) => String(Number((row * 7) % 3 === index)));

const weighted = folder(
  'name: weighted\nmetric: log-loss-multi-label\ntarget: [any, some]\ncolumn_weights: { any: 2 }',
  ['any', 'some'],
  bits,
  ['some', 'any'],
);
const errors = folder('name: errors\nmetric: mcrmse\ntarget: [x, y]', ['x', 'y'], numbers, ['y', 'x']);
const texts = folder('name: texts\nmetric: levenshtein-normalised\ntarget: text', ['text'], words, ['text']);
const trap = folder(
  'name: trap\nmetric: log-loss\ntarget: [winner_model_a, winner_model_b, winner_tie]',
  winners,
  winner,
  ['winner_tie', 'winner_model_a', 'winner_model_b'],
);
let rig: EvaluatorRig;

beforeAll(async () => {
  rig = await startEvaluatorRig([weighted, errors, texts, trap]);
});

afterAll(() => rig.stop());

/** A submission with the header's columns, and of each row what `fields` makes of its feature `a`. */
async function answer(task: string, header: string, fields: (row: number) => readonly string[]): Promise<string> {
  const files = await rig.bundle(task);
  const lines = (files.get('test.csv') ?? '').trimEnd().split('\n').slice(1);
  return `${header}\n${lines
    .map((line) => {
      const [id, a] = line.split(',');
      return `${id},${fields(Number(a))
        .map((field) => `"${field}"`)
        .join(',')}\n`;
    })
    .join('')}`;
}

test('columns are joined by name in whatever order, weighted, and come back in the official format', async () => {
  const files = await rig.bundle('weighted');
  expect(files.get('sample_submission.csv')?.split('\n')[0]).toBe('id,any,some');
  expect(files.get('train.csv')?.split('\n')[0]).toBe('id,a,b,any,some');
  expect(files.get('description.md')).toContain('Columns count `any` 2, `some` 1.');
  const guess = (row: number): string[] => bits(row).map((bit) => (bit === '1' ? '0.9' : '0.2'));
  const swapped = await answer('weighted', 'id,some,any', (row) => guess(row).reverse());
  const { score } = await rig.evaluate('weighted', 'run-1', 'c-1', swapped);
  // Of the 20 search rows, a positive costs -ln 0.9 and a negative -ln 0.8; "any" counts twice.
  expect(score?.value).toBeGreaterThan(-Math.log(0.9));
  expect(score?.value).toBeLessThan(-Math.log(0.8));
  const straight = await answer('weighted', 'id,any,some', guess);
  expect((await rig.evaluate('weighted', 'run-1', 'c-2', straight)).score?.value).toBe(score?.value);
  const verdict = await rig.seal('weighted', 'run-1', ['c-1', 'c-2']);
  expect(verdict.finalists[0]?.testScore).toBeCloseTo(
    official
      .flatMap((row) => bits(row).map((bit, at) => (at === 0 ? 2 : 1) * Math.log(bit === '1' ? 0.9 : 0.8)))
      .reduce((sum, each) => sum - each, 0) / 9,
    12,
  );
  expect(await rig.finalSubmission('run-1')).toBe('id,any,some\n901,0.2,0.2\n902,0.9,0.2\n903,0.2,0.9\n');
});

test('several numbers are scored, blended and compared with the mean of each column', async () => {
  const near = (shift: number) => (row: number) => numbers(row).map((value) => String(Number(value) + shift));
  for (const [candidate, shift] of [
    ['c-1', 1],
    ['c-2', -1.5],
  ] as const) {
    const response = await rig.evaluate('errors', 'run-2', candidate, await answer('errors', 'id,x,y', near(shift)));
    expect(response.score?.value).toBeCloseTo(Math.abs(shift), 9);
  }
  const verdict = await rig.seal('errors', 'run-2', ['c-1', 'c-2']);
  expect(verdict).toMatchObject({ baselineName: 'mean of each column', ensemble: { selected: true } });
  expect(verdict.ensemble?.validationScore).toBeLessThan(0.2);
});

test('texts are scored, told apart by their text alone, and handed in as they were', async () => {
  const right = await answer('texts', 'id,text', words);
  const near = await answer('texts', 'id,text', (row) => [`${words(row)[0]}, too`]);
  const { score } = await rig.evaluate('texts', 'run-3', 'c-1', near);
  expect(score).toMatchObject({ quarantined: false });
  expect(score?.value).toBeGreaterThan(0.1);
  expect((await rig.evaluate('texts', 'run-3', 'c-2', right)).score).toMatchObject({ value: 0, quarantined: true });
  const verdict = await rig.seal('texts', 'run-3', ['c-2', 'c-1']);
  expect(verdict).toMatchObject({ winnerId: 'c-1', baselineName: 'commonest text' });
  expect(await rig.finalSubmission('run-3')).toContain(`901,"word${901 % 7} and, 'again' 1, too"\n`);
});

test('the column-names trap: names of columns as classes never give a score of 0, in whatever order or form', async () => {
  const sure = (right: number) => (row: number) =>
    winner(row).map((bit) => String(bit === '1' ? right : (1 - right) / 2));
  const { score } = await rig.evaluate(
    'trap',
    'run-4',
    'c-1',
    await answer('trap', `id,${winners.join(',')}`, sure(0.8)),
  );
  expect(score?.value).toBeCloseTo(-Math.log(0.8), 9);
  const rotated = await answer('trap', 'id,winner_tie,winner_model_a,winner_model_b', (row) => {
    const [a = '', b = '', tie = ''] = sure(0.8)(row);
    return [tie, a, b];
  });
  expect((await rig.evaluate('trap', 'run-4', 'c-2', rotated)).score?.value).toBe(score?.value);
  const numbered = await rig.evaluate('trap', 'run-4', 'c-3', await answer('trap', 'id,0,1,2', sure(0.8)));
  expect(numbered.refusal?.error).toBe('SUBMISSION_ERROR_WRONG_COLUMNS');
  const named = await rig.evaluate('trap', 'run-4', 'c-4', await answer('trap', 'id,winner', () => ['winner_tie']));
  expect(named.refusal?.error).toBe('SUBMISSION_ERROR_WRONG_COLUMNS');
  // Names in place of what they stand for: a task whose answers are such is refused, not scored against nothing.
  const renamed = { ...trap, 'sample_submission.csv': 'id,0,1,2\n901,0,0,0\n902,0,0,0\n903,0,0,0\n' };
  await expect(checkFolder(await writeFolder(renamed))).rejects.toThrow(/expected one column per class/);
  const strange = {
    ...trap,
    'private/answers.csv': 'id,winner_model_a,winner_model_b,winner_tie\n901,0,0,0\n902,1,1,0\n903,0,0,1\n',
  };
  await expect(checkFolder(await writeFolder(strange))).rejects.toThrow(/answers.csv, line 2: .* not one 1 and else 0/);
});

test.each([
  [
    'a column of the sample that is no target',
    { ...errors, 'sample_submission.csv': 'id,x,z\n901,0,0\n902,0,0\n903,0,0\n' },
    /expected a column for each target/,
  ],
  [
    'several targets for a metric of one',
    folder('name: one\nmetric: rmse\ntarget: [x, y]', ['x', 'y'], numbers, ['x', 'y']),
    /rmse takes one target column, and there are 2/,
  ],
  [
    'weights for a metric that takes none',
    { ...errors, 'task.yaml': `${errors['task.yaml']}column_weights: { x: 2 }\n` },
    /mcrmse takes no column weights/,
  ],
  [
    'weights of unknown columns',
    { ...weighted, 'task.yaml': weighted['task.yaml'].replace('any: 2', 'many: 2') },
    /column_weights names "many"/,
  ],
  [
    'a label that is neither 0 nor 1',
    { ...weighted, 'train.csv': weighted['train.csv'].replace('"0","1"', '"0","7"') },
    /train.csv, line 4: the label 7 is above 1/,
  ],
  [
    'shares that do not sum to 1',
    folder('name: shares\nmetric: kl-divergence\ntarget: [x, y]', ['x', 'y'], (row) => [String(row / 1000), '0.5'], [
      'x',
      'y',
    ]),
    /line 2: the target columns sum to 0.501, not to 1/,
  ],
  [
    'too few columns of predictions',
    folder('name: laplace\nmetric: laplace-log-likelihood\ntarget: x', ['x'], (row) => [String(row)], ['x']),
    /takes 2 prediction columns, the target "x" first/,
  ],
])('%s is refused with the next step', async (_, wrong, message) => {
  await expect(checkFolder(await writeFolder(wrong))).rejects.toThrow(message);
});

test('init takes all columns of the sample submission as targets where the training table has them', async () => {
  const { 'task.yaml': _, ...rest } = errors;
  const { plan } = await initTask({ directory: await writeFolder(rest), scoring: { metric: 'mcrmse' } });
  expect(plan.columns.targets).toEqual(['y', 'x']);
  expect(plan.strategy).toBe('stratified');
});
