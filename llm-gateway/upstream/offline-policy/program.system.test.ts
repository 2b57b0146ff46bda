// Runs what the policy writes, with every family and every feature, in the sandbox image, for each kind of prediction.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nextFloat, nextInt, nextNormal, seedRng } from '../../../shared/core/rng.ts';
import { readCheck } from './check.ts';
import { recipeOf } from './draft.ts';
import { type Facts, lookProgram, readFacts } from './facts.ts';
import { firstMember, type Situation, usableFamilies } from './families.ts';
import { labMembers, readReport } from './lab.ts';
import { nextMessage } from './policy.ts';
import { labProgram, mainProgram } from './program.ts';
import type { Features, Member, Recipe } from './recipe.ts';
import { shapeOf, type Task } from './task.ts';

const image = newestImage();
const needsImage = test.skipIf(image === '');
if (image === '')
  test.skip('skipped: no image doubleblind/sandbox-cpu; make it with `doubleblind setup`', () => undefined);

function newestImage(): string {
  const listed = spawnSync('docker', ['image', 'ls', '-q', '--filter', 'reference=doubleblind/sandbox-cpu'], {
    encoding: 'utf8',
  });
  return listed.status === 0 ? (listed.stdout.split('\n')[0] ?? '') : '';
}

/** A task's files in a directory, and a way to run Python that sees them at /data. */
function room(files: Readonly<Record<string, string>>): { root: string; run(code: string): string } {
  const root = mkdtempSync(join(tmpdir(), 'policy-'));
  for (const name of ['data', 'work', 'out']) {
    mkdirSync(join(root, name));
    chmodSync(join(root, name), 0o777);
  }
  chmodSync(root, 0o755);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'data', name), text);
  const mounts = ['data', 'work', 'out'].flatMap((name) => ['-v', `${join(root, name)}:/${name}`]);
  const options = [
    '--rm',
    '--network',
    'none',
    '--label',
    'doubleblind.test=policy',
    '-e',
    'OMP_NUM_THREADS=1',
    '-e',
    'OPENBLAS_NUM_THREADS=1',
  ];
  return {
    root,
    run(code) {
      writeFileSync(join(root, 'work/trial.py'), code);
      const command = ['run', ...options, ...mounts, '-w', '/work', image, 'python3', '/work/trial.py'];
      const ended = spawnSync('docker', command, { encoding: 'utf8' });
      if (ended.status !== 0) throw new Error(`${ended.stdout}\n${ended.stderr}`.slice(-3000));
      return ended.stdout;
    },
  };
}

type Target = (signal: number) => string;

/** Mixed columns with gaps, dates, free text, a constant and ids that look like numbers. */
function files(target: Target, predictions: readonly string[]): Record<string, string> {
  const rng = seedRng('rows');
  const header = 'id,size,stars,income,colour,city,open,day,remark,always';
  const rows = Array.from({ length: 420 }, (_, index) => {
    const size = nextNormal(rng);
    const stars = nextInt(rng, 5);
    const colour = ['red', 'green', 'blue, dark'][nextInt(rng, 3)] ?? '';
    const signal = size + 0.5 * stars + (colour === 'red' ? 1 : 0) + 0.3 * nextNormal(rng);
    const income = nextFloat(rng) < 0.1 ? '' : Math.exp(nextNormal(rng)).toFixed(2);
    const city = nextFloat(rng) < 0.1 ? '' : `city ${nextInt(rng, 30)}`;
    const day = `200${nextInt(rng, 9)}-0${1 + nextInt(rng, 9)}-1${nextInt(rng, 9)}`;
    const remark = `row number ${index} was written by hand, word ${nextInt(rng, 99)}`;
    const cells = [
      `${index}e5`,
      size.toFixed(3),
      stars,
      income,
      `"${colour}"`,
      city,
      nextFloat(rng) < 0.5 ? 'True' : 'False',
      day,
      `"${remark}"`,
      1,
    ];
    return { cells: cells.join(','), id: `${index}e5`, answer: target(signal) };
  });
  const [train, hidden] = [rows.slice(0, 330), rows.slice(330)];
  return {
    'train.csv': `${header},y\n${train.map((row) => `${row.cells},${row.answer}`).join('\n')}\n`,
    'test.csv': `${header}\n${hidden.map((row) => row.cells).join('\n')}\n`,
    'sample_submission.csv': `id,${predictions.join(',')}\n${[...hidden]
      .reverse()
      .map((row) => `${row.id}${',0'.repeat(predictions.length)}`)
      .join('\n')}\n`,
    'description.md': '# A toy\n',
  };
}

function taskFor(metric: string, lowerIsBetter: boolean, predictionColumns: readonly string[]): Task {
  return {
    name: 'toy',
    metric,
    lowerIsBetter,
    idColumn: 'id',
    targetColumn: 'y',
    targetColumns: [],
    predictionKind: '',
    predictionColumns,
  };
}

const third = (signal: number): string => (signal < 0.7 ? '0' : signal < 2 ? '1' : '2');
const cases: readonly (readonly [Task, Target])[] = [
  [taskFor('log-loss', true, ['0', '1', '2']), third],
  [taskFor('roc-auc', false, ['y']), (signal) => (signal > 1.5 ? 'yes' : 'no')],
  [taskFor('rmse', true, ['y']), (signal) => Math.exp(signal).toFixed(3)],
  [taskFor('f1-macro', false, ['y']), (signal) => (signal < 1 ? 'False' : 'True')],
  [taskFor('qwk', false, ['y']), third],
];

/** Every family, and every kind of feature at least once. */
function allMembers(situation: Situation): Member[] {
  const changes: Partial<Features>[] = [
    { categories: 'target' },
    { categories: 'frequency', numbers: 'quantile' },
    { numbers: 'spline', categories: 'onehot' },
    { codes: true, pairs: true },
    { components: 3, numbers: 'standard' },
    { categories: 'crossed', numbers: 'standard' },
  ];
  const members: Member[] = usableFamilies(situation).map((family) => firstMember(family, situation));
  changes.forEach((change) => {
    const member = firstMember('linear', situation);
    members.push({ ...member, features: { ...member.features, ...change } });
  });
  const boosted = firstMember('histBoost', situation);
  members.push({ ...boosted, bags: 2, features: { ...boosted.features, categories: 'native', pairs: true } });
  return members;
}

needsImage.each(cases.map(([task, target]) => [task.metric, task, target] as const))(
  'for %s every family and feature compares, trains, and writes answers for each row in the right order',
  (_, task, target) => {
    const { root, run } = room(files(target, task.predictionColumns));
    const facts = readFacts(run(lookProgram(task))) as Facts;
    expect(facts).toMatchObject({ rows: 330, testRows: 90, dates: ['day'], texts: ['remark'], constant: ['always'] });
    expect(facts.categories.map((column) => column.name)).toEqual(['colour', 'city', 'open']);
    const situation: Situation = {
      task,
      shape: shapeOf(task, facts.target.number && facts.target.distinct > 20),
      facts,
    };
    const members = allMembers(situation);
    const recipe: Recipe = {
      ...recipeOf(members[0] as Member, situation),
      members: members.map((member) => ({ ...member, weight: 0.1 })),
    };
    const named = labMembers(
      [],
      members.map((member, index) => ({ name: `${index}`, member })),
    );
    const context = { task, shape: situation.shape, seed: 3 };
    writeFileSync(join(root, 'work/lab.py'), labProgram(recipe, named, context));
    writeFileSync(join(root, 'work/main.py'), mainProgram(recipe, context, 'A test.'));
    const current = JSON.stringify({ [named[0]?.name ?? '']: 1 });
    const compare = `lab.compare(rows=200, folds=2, seconds=0, run_seconds=5, most=4, current=${current}, how="mean", sharpen=1)`;
    const printed = run(
      `import lab\n${compare}\nimport main\nmain.check(rows=150, folds=2, seconds=0)\nmain.main(rows=200)`,
    );
    const [lab, trial] = printed.split('cv ');
    const report = readReport(lab ?? '');
    expect(Object.keys(report?.members ?? {})).toHaveLength(named.length);
    const check = readCheck(trial ?? '');
    const [better, worse] = task.lowerIsBetter ? [check?.cv, check?.naive] : [check?.naive, check?.cv];
    expect(better).toBeLessThan(worse ?? Number.NaN);
    checkAnswers(root, task);
  },
);

function checkAnswers(root: string, task: Task): void {
  const lines = (name: string): string[][] =>
    readFileSync(join(root, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
  const answers = lines('out/submission.csv');
  const sample = lines('data/sample_submission.csv');
  expect(answers[0]).toEqual(sample[0]);
  expect(answers.map((row) => row[0])).toEqual(sample.map((row) => row[0]));
  const values = answers.slice(1).map((row) => row.slice(1));
  if (task.metric === 'f1-macro') expect(new Set(values.flat())).toEqual(new Set(['True', 'False']));
  else if (task.metric === 'qwk') expect(values.flat().every((value) => ['0', '1', '2'].includes(value))).toBe(true);
  else expect(values.flat().every((value) => value !== '' && Number.isFinite(Number(value)))).toBe(true);
  if (task.metric === 'log-loss')
    for (const row of values) expect(row.reduce((sum, value) => sum + Number(value), 0)).toBeCloseTo(1, 6);
}

const half = (signal: number): string => String(Number(signal > 1));
const wide: readonly (readonly [string, Partial<Task>, Target])[] = [
  ['numbers', { targetColumns: ['y', 'z'], predictionColumns: ['z', 'y'] }, (signal) => `${signal},${half(signal)}`],
  [
    'shares',
    { targetColumns: ['y', 'z'], predictionColumns: ['y', 'z'] },
    (signal) => `${half(signal)},${half(-signal + 2)}`,
  ],
  ['numbers', { predictionColumns: ['y', 'sd'] }, (signal) => String(signal)],
  ['text', { predictionColumns: ['y'] }, (signal) => `word ${half(signal)}`],
];

needsImage.each(wide)(
  'for a task of %s the plain program writes answers in the format of the sample',
  (predictionKind, more, target) => {
    const task = { ...taskFor('some', true, []), targetColumns: [], predictionKind, ...more };
    const { 'train.csv': rows = '', ...others } = files(target, task.predictionColumns);
    const header = `,${task.targetColumns.length > 0 ? 'y,z' : 'y'}\n`;
    const { root, run } = room({ ...others, 'train.csv': rows.replace(/,y\n/, header) });
    const content = `\`\`\`json brief\n${JSON.stringify({ operator: 'draft', task })}\n\`\`\``;
    const [call] = nextMessage([{ role: 'user', content, toolCalls: [], toolCallId: '' }], [], 1).toolCalls;
    const written = JSON.parse(call?.argumentsJson ?? '') as { content: string };
    expect(run(written.content)).toContain('wrote 90 answers');
    if (predictionKind !== 'text') checkAnswers(root, task);
  },
);
