// A task with a grader of its own before it is imported: `task init --grader`, the dry run of the grader, and what agents are
// told to predict.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { err, ok } from '../../shared/core/result.ts';
import { SandboxError } from '../../shared/sandbox/sandbox-error.ts';
import type { GraderCall } from '../grader/grader.ts';
import type { Rehearsed } from '../grader/rehearsal.ts';
import { type Folder, writeFolder } from '../testing/evaluator-rig.ts';
import { gradedFolder } from '../testing/graded-folder.ts';
import { runTaskCommand } from './command.ts';
import { graderPredicts } from './grader-predictions.ts';
import { checkFolder } from './import-task.ts';

const calls: GraderCall[] = [];
const { 'task.yaml': _, 'grade.py': program = '', ...plain } = gradedFolder;

async function run(answer: (call: GraderCall) => Rehearsed, ...argv: string[]) {
  calls.length = 0;
  return runTaskCommand(argv, {}, () => async (call) => {
    calls.push(call);
    return answer(call);
  });
}

const scored = (value: number, standardError = 0.1): Rehearsed => ({
  outcome: ok({ value, standardError }),
  words: '',
});
const never = (): Rehearsed => {
  throw new Error('no grader is to be run');
};

test('init takes a grader from elsewhere, one that lies in the folder, or writes one that works', async () => {
  const elsewhere = join(await mkdtemp(join(tmpdir(), 'doubleblind-grader-')), 'mine.py');
  await writeFile(elsewhere, program);
  const words = ['--better', 'lower', '--target', 'y'];
  const directory = await writeFolder(plain);
  expect(await run(never, 'init', directory, '--grader', `${elsewhere}:grade`, ...words)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/Wrote .*task\.yaml and .*mine\.py\. Next: `doubleblind task validate/),
  });
  expect(await readFile(join(directory, 'mine.py'), 'utf8')).toBe(program);
  expect(await readFile(join(directory, 'task.yaml'), 'utf8')).toMatch(
    /grader:\n {2}file: mine.py\n {2}better: lower\n/,
  );
  const there = await writeFolder({ ...plain, 'grade.py': program });
  const named = await run(never, 'init', there, '--grader', join(there, 'grade.py:other'), ...words, '-o', 'json');
  expect(JSON.parse(named.stdout)).toMatchObject({ grader: 'grade.py', predictionKind: 'text' });
  expect(await readFile(join(there, 'task.yaml'), 'utf8')).toContain('function: other');
  const fresh = await writeFolder(plain);
  const written = await run(never, 'init', fresh, '--grader', 'new-grade.py', ...words);
  expect(written.stdout).toContain('Change new-grade.py to what the task is about.');
  expect(await readFile(join(fresh, 'new-grade.py'), 'utf8')).toMatch(
    /TARGETS = \["y"\][\s\S]*def grade\(submission: pd/,
  );
});

test('init leaves no grader where the folder would not import, and refuses what is unclear', async () => {
  const directory = await writeFolder(plain);
  const unknown = ['init', directory, '--grader', 'new.py', '--better', 'lower', '--target', 'z'];
  expect(await run(never, ...unknown)).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('"z" is missing'),
  });
  await expect(readFile(join(directory, 'new.py'))).rejects.toThrow();
  for (const [words, message] of [
    [['--grader', 'grade.py'], '--better lower'],
    [['--metric', 'rmse', '--better', 'lower'], 'a direction of its own'],
    [['--metric', 'rmse', '--grader', 'grade.py', '--better', 'lower'], 'one of --metric and --grader'],
  ] as const) {
    expect(await run(never, 'init', directory, ...words)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(message),
    });
  }
  const absent = ['init', directory, '--grader', 'no/such.py', '--better', 'lower', '--target', 'y'];
  expect((await run(never, ...absent)).stderr).toContain('no/such.py: there is no such file');
});

test('validate runs the grader over the search rows, as the service will, and tells what it gave', async () => {
  const directory = await writeFolder(gradedFolder);
  const told = await run(() => scored(3.5), 'validate', directory);
  expect(told).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('sample submission got 3.50 ± 0.10') });
  expect((await run(() => scored(1 / 6), 'validate', directory)).stdout).toContain('got 0.17 ± 0.10\n');
  // Two columns and one target: the answers are no submission.
  expect(calls).toHaveLength(1);
  const lines = (bytes: Uint8Array | undefined): string[] =>
    Buffer.from(bytes ?? [])
      .toString()
      .trimEnd()
      .split('\n');
  expect(lines(calls[0]?.answers)).toHaveLength(21);
  expect(lines(calls[0]?.answers)[1]).toMatch(/^r[0-9a-f]{12},\d+$/);
  expect(lines(calls[0]?.submission)[1]).toMatch(/^r[0-9a-f]{12},1,2$/);
  expect((await run(never, 'validate', directory, '--no-grader')).exitCode).toBe(0);
  expect(calls).toHaveLength(0);
});

test('what a grader raises is told to its author, with the next step', async () => {
  const directory = await writeFolder(gradedFolder);
  const words = 'Traceback (most recent call last):\n  File "/grader/grade.py", line 5, in grade\nKeyError: \'z\'';
  const raised: Rehearsed = { outcome: err('invalidSubmission'), words };
  const refused = await run(() => raised, 'validate', directory);
  expect(refused).toMatchObject({ exitCode: 6, stderr: expect.stringContaining("KeyError: 'z'") });
  expect(refused.stderr).toMatch(/grade\.py: run over the 20 search rows .* refused the submission[\s\S]*Make it take/);
  const state = await mkdtemp(join(tmpdir(), 'doubleblind-state-'));
  const imported = await run(() => raised, 'import', directory, '--state-dir', state);
  expect(imported).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/Imported[\s\S]*Warning: grade\.py: run/),
  });
  await run(never, 'import', directory, '--state-dir', state);
  const away = () => {
    throw new SandboxError('no Docker engine answers at /var/run/docker.sock; start it');
  };
  expect((await run(away, 'validate', directory)).stdout).toContain(
    'Warning     grade.py was not run: no Docker engine',
  );
});

const classes: Folder = {
  ...plain,
  'grade.py': program,
  'task.yaml': 'name: graded\ngrader: { file: grade.py, better: lower }\ntarget: y\n',
  'train.csv': `id,a,y\n${Array.from({ length: 100 }, (_row, row) => `${row},${row},${row % 2}\n`).join('')}`,
  'test.csv': 'id,a\n901,901\n',
  'sample_submission.csv': 'id,y\n901,0\n',
  'private/answers.csv': '',
};

test('a direction that the answers themselves contradict is warned of, and so is a missing standard error', async () => {
  const directory = await writeFolder(classes);
  let turn = 0;
  const rising = (): Rehearsed => {
    turn += 1;
    return { outcome: ok({ value: turn }), words: '' };
  };
  const { stdout } = await run(rising, 'validate', directory);
  expect(stdout).toContain('the answers themselves got 2 and the sample submission 1; is lower really better?');
  expect(stdout).toContain('no standard error');
  const none: Rehearsed = { outcome: err('noNumber'), words: '' };
  expect(await run(() => none, 'validate', directory)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('no finite number for the sample submission'),
  });
});

test('what agents are to predict is what task.yaml says, else what target and sample submission look like', async () => {
  const kindOf = async (changes: Folder): Promise<string> => {
    const { folder, columns } = await checkFolder(await writeFolder({ ...classes, ...changes }));
    return graderPredicts(folder, columns);
  };
  const sample = (columns: string, fields: string): Folder => ({
    'sample_submission.csv': `id,${columns}\n901,${fields}\n`,
  });
  const answers = (of: (row: number) => string): Folder => ({
    'train.csv': `id,a,y\n${Array.from({ length: 100 }, (_row, row) => `${row},${row},${of(row)}\n`).join('')}`,
  });
  const word = (row: number): string => ['yes', 'no'][row % 2] ?? '';
  expect(await kindOf({})).toBe('label');
  expect(await kindOf(sample('y', '0.5'))).toBe('probability');
  expect(await kindOf({ ...answers(word), ...sample('y', 'no') })).toBe('label');
  expect(await kindOf({ ...answers(word), ...sample('y', '0.5') })).toBe('probability');
  expect(await kindOf({ ...answers(word), ...sample('no,yes', '0.5,0.5') })).toBe('probabilities');
  expect(await kindOf(answers((row) => String(row / 3)))).toBe('number');
  expect(await kindOf(answers((row) => `text ${row}`))).toBe('text');
  expect(await kindOf(sample('low,high', '0,1'))).toBe('text');
  const said = 'name: graded\ngrader: { file: grade.py, better: lower, predicts: probability }\ntarget: y\n';
  expect(await kindOf({ 'task.yaml': said })).toBe('probability');
});
