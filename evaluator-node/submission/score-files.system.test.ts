import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { fileProblem } from './readable-file.ts';
import { scoreFiles } from './score-files.ts';

async function score(
  metric: string,
  answers: string,
  submission: string,
  weights?: number[],
): Promise<number | string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-score-'));
  const [answersPath, submissionPath] = [join(directory, 'answers.csv'), join(directory, 'submission.csv')];
  await writeFile(answersPath, answers);
  await writeFile(submissionPath, submission);
  const scored = await scoreFiles(metric, answersPath, submissionPath, weights);
  return scored.ok ? scored.value.score : scored.error.replaceAll(`${directory}/`, '');
}

test('one column of values is joined by id, whatever its name', async () => {
  expect(await score('rmse', 'id,y\n1,1\n2,3\n', 'id,guess\n2,3\n1,3\n')).toBeCloseTo(Math.SQRT2, 12);
  expect(await score('accuracy', 'id,y\na,cat\nb,dog\n', 'id,y\nb,dog\na,dog\n')).toBe(0.5);
  expect(await score('roc-auc', 'id,y\n1,0\n2,1\n3,1\n', 'id,p\n1,-2\n2,5\n3,-3\n')).toBe(0.5);
});

test('a label that only the submission has counts as a wrong one; what is no such label is refused', async () => {
  expect(await score('accuracy', 'id,y\n1,0\n2,1\n', 'id,y\n1,0\n2,2\n')).toBe(0.5);
  expect(await score('f1-macro', 'id,y\n1,0\n2,1\n', 'id,y\n1,0\n2,2.0\n')).toBeCloseTo(1 / 3, 12);
  expect(await score('accuracy', 'id,y\n1,cat\n2,dog\n', 'id,y\n1,cat\n2,emu\n')).toBe(0.5);
  expect(await score('accuracy', 'id,y\n1,0\n2,1\n', 'id,y\n1,0\n2,x\n')).toMatch(/"x", not one of the labels/);
});

test('log loss takes one-hot answers, class labels, or a binary column', async () => {
  const submission = 'id,cat,dog\n1,0.2,0.8\n2,0.5,0.5\n';
  const expected = -(Math.log(0.8) + Math.log(0.5)) / 2;
  expect(await score('log-loss', 'id,cat,dog\n1,0,1\n2,1,0\n', submission)).toBeCloseTo(expected, 12);
  expect(await score('log-loss', 'id,dog,cat\n1,1,0\n2,0,1\n', submission)).toBeCloseTo(expected, 12);
  expect(await score('log-loss', 'id,kind\n1,dog\n2,cat\n', submission)).toBeCloseTo(expected, 12);
  expect(await score('log-loss', 'id,y\n1,1\n2,0\n', 'id,p\n1,0.8\n2,0.5\n')).toBeCloseTo(expected, 12);
});

test('a label that has no column is an error, never a score', async () => {
  expect(await score('log-loss', 'id,kind\n1,dog\n2,emu\n', 'id,cat,dog\n1,0.2,0.8\n2,0.5,0.5\n')).toMatch(
    /"emu" on line 3 of the answers has no column/,
  );
  expect(await score('log-loss', 'id,cat,dog,emu\n1,0,1,0\n2,0,0,1\n', 'id,cat,dog\n1,0.2,0.8\n2,0.5,0.5\n')).toMatch(
    /missing column "emu"/,
  );
});

test('the trap of column names for labels is an error: labels that no column has never score 0', async () => {
  const submission = 'id,cat,dog\n1,0.2,0.8\n2,0.5,0.5\n';
  expect(await score('log-loss', 'id,y\n1,0\n2,0\n', submission)).toMatch(/"0" on line 2 of the answers has no column/);
  expect(await score('log-loss', 'id,dog\n1,1\n2,1\n', submission)).toMatch(/"1" on line 2 of the answers has no col/);
  expect(await score('log-loss', 'id,cat\n1,cat\n2,cat\n', submission)).toBeCloseTo(-Math.log(0.1) / 2, 12);
  for (const metric of ['roc-auc-column-mean', 'log-loss-multi-label', 'lwlrap', 'mcrmse']) {
    expect(await score(metric, 'id,cat\n1,0\n2,1\n', submission), metric).toMatch(/unknown column "dog"/);
    expect(await score(metric, 'id,cat,emu\n1,0,1\n2,1,0\n', submission), metric).toMatch(/missing column "emu"/);
  }
});

test('several columns are joined by name; a metric that fixes their number takes them in order', async () => {
  expect(await score('mcrmse', 'id,a,b\n1,1,10\n2,2,20\n', 'id,b,a\n1,10,2\n2,21,3\n')).toBeCloseTo(
    (1 + Math.SQRT1_2) / 2,
    12,
  );
  const far = 'id,lat,lon\n1,0,0\n2,0,0\n';
  expect(await score('haversine', far, 'id,lon,lat\n1,0,90\n2,0,0\n')).toBeCloseTo((6_371_000 * Math.PI) / 4, 6);
  expect(await score('haversine', far, 'id,lat,lon\n1,91,0\n2,0,0\n')).toMatch(/"91", outside of -90 to 90/);
  expect(await score('laplace-log-likelihood', 'id,FVC\n1,2500\n', 'id,FVC,Confidence\n1,2500,70\n')).toBeCloseTo(
    -Math.log(Math.SQRT2 * 70),
    12,
  );
  expect(await score('laplace-log-likelihood', 'id,FVC\n1,2500\n', 'id,FVC\n1,2500\n')).toMatch(
    /takes 2 columns of pr/,
  );
  expect(await score('kl-divergence', 'id,a,b\n1,0.5,0.5\n', 'id,a,b\n1,0.5,0.1\n')).toMatch(/sum to 0.6, not to 1/);
  expect(await score('kl-divergence', 'id,a,b\n1,0.5,0.5\n', 'id,a,b\n1,0.5004,0.5004\n')).toBeCloseTo(0, 12);
  expect(await score('lwlrap', 'id,a,b\n1,0.5,1\n', 'id,a,b\n1,0.5,0.1\n')).toMatch(/"0.5" on line 2 must be 0 or 1/);
});

test('columns count by their weights, where the metric takes them', async () => {
  const [answers, submission] = ['id,a,b\n1,1,1\n', 'id,a,b\n1,0.5,0.25\n'];
  const expected = -(3 * Math.log(0.5) + Math.log(0.25)) / 4;
  expect(await score('log-loss-multi-label', answers, submission, [3, 1])).toBeCloseTo(expected, 12);
  expect(await score('log-loss-multi-label', answers, submission, [3])).toMatch(/got 2 prediction columns/);
  expect(await score('mcrmse', answers, submission, [3, 1])).toMatch(/takes no column weights/);
});

test('texts are joined by id, may be empty, and must be what the metric reads', async () => {
  expect(await score('map-at-5', 'id,y\n1,a b\n2,c\n', 'id,y\n2,x c\n1,b\n')).toBeCloseTo(0.5, 12);
  expect(await score('levenshtein', 'id,y\n1,kitten\n2,\n', 'id,y\n1,sitting\n2,\n')).toBe(1.5);
  expect(await score('dice', 'id,m\n1,1 4\n2,\n', 'id,m\n1,3 4\n2,-\n')).toBe(0.75);
  expect(await score('dice', 'id,m\n1,1 4\n', 'id,m\n1,3 4 5\n')).toMatch(/is "3 4 5" and must be a run-length mask/);
  expect(await score('dice', 'id,m\n1,1\n', 'id,m\n1,3 4\n')).toMatch(/answer on line 2 must be a run-length mask/);
});

test('a binary F takes 0 and 1 alone; a percentage of 0 is refused', async () => {
  expect(await score('f0.5', 'id,y\n1,1\n2,0\n', 'id,y\n1,1\n2,1\n')).toBeCloseTo(1.25 / 2.25, 12);
  expect(await score('f1-binary', 'id,y\n1,yes\n2,no\n', 'id,y\n1,yes\n2,yes\n')).toMatch(/must be 0 or 1/);
  expect(await score('mape', 'id,y\n1,0\n', 'id,y\n1,1\n')).toMatch(/"0" on line 2 must not be 0/);
});

test('bad files are refused with a sentence that names the file', async () => {
  expect(await score('rmse', 'id,y\n1,x\n', 'id,y\n1,1\n')).toMatch(/answer "x" on line 2 is not a number/);
  expect(await score('rmse', 'id,y\n1,1\n2,2\n', 'id,y\n1,1\n')).toMatch(
    /submission.csv: 1 of 2 ids of the answers have no row/,
  );
  expect(await score('rmse', 'id,y\n1,1\n1,2\n', 'id,y\n1,1\n')).toMatch(/answers.csv: an id is there twice/);
  expect(await score('rmse', 'id,y\n1,1\n', 'id,y\n1,nan\n')).toMatch(/submission.csv: .*"nan", not a finite decimal/);
  expect(await score('log-loss', 'id,a,b\n1,1,1\n', 'id,a,b\n1,0.5,0.5\n')).toMatch(/not one-hot/);
  expect(await score('roc-auc', 'id,y\n1,1\n2,1\n', 'id,y\n1,0.1\n2,0.4\n')).toMatch(/needs both classes/);
  expect(await score('rmse', '', 'id,y\n1,1\n')).toMatch(/answers.csv: the file has no rows/);
  expect(await score('rmse', 'id,y\n1,1\n', '')).toMatch(/submission.csv: the file is empty/);
  expect(await score('rmse', 'id,y\n1,1\n', 'id,y,z\n1,1,2\n')).toMatch(/unknown column "z"/);
});

test('a pointer of Git LFS is told as such, for answers and submission alike', async () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 123456\n`;
  expect(await score('rmse', pointer, 'id,y\n1,1\n')).toMatch(/answers.csv: .*pointer of Git LFS.*git lfs pull/);
  expect(await score('rmse', 'id,y\n1,1\n', pointer)).toMatch(/submission.csv: .*pointer of Git LFS.*git lfs pull/);
});

test('a pipe or a directory in place of a file is told before anything waits for it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-score-'));
  execFileSync('mkfifo', [join(directory, 'pipe.csv')]);
  await writeFile(join(directory, 'real.csv'), 'id,y\n1,1\n');
  expect(fileProblem(join(directory, 'real.csv'))).toBeUndefined();
  expect(fileProblem(join(directory, 'pipe.csv'))).toMatch(/pipe\.csv: this is a pipe, .*regular file first$/);
  expect(fileProblem(directory)).toMatch(/this is a directory/);
  expect(fileProblem('/dev/null')).toMatch(/this is a device/);
  expect(fileProblem(join(directory, 'none.csv'))).toMatch(/none\.csv: there is no such file/);
});

test('the command prints JSON with stable names and exits 0, 1, 2 and 3', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-score-'));
  await writeFile(join(directory, 'a.csv'), 'id,y\n1,1\n2,3\n');
  await writeFile(join(directory, 's.csv'), 'id,y\n1,1\n2,4\n');
  const script = new URL('../main-score.ts', import.meta.url).pathname;
  const run = async (...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    promisify(execFile)(process.execPath, [script, ...words], { cwd: directory }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
  const scored = await run('--metric', 'mae', 'a.csv', 's.csv', '-o', 'json');
  expect(JSON.parse(scored.stdout)).toEqual({ metric: 'mae', score: 0.5, standardError: 0.5, rows: 2 });
  expect((await run('--metric', 'rmse', 'a.csv', 's.csv')).stdout).toBe('rmse 0.71 ± 0.35 over 2 rows\n');
  expect(await run('--metric', 'mse', 'a.csv', 's.csv')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/Did you mean rmse\? Known are /),
  });
  expect(await run('--metric', 'mae', 'a.csv')).toMatchObject({ code: 2 });
  expect(await run('--metric', 'mae', 'a.csv', 'none.csv')).toMatchObject({ code: 3 });
  execFileSync('mkfifo', [join(directory, 'pipe.csv')]);
  expect(await run('--metric', 'mae', 'a.csv', 'pipe.csv')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/pipe\.csv: this is a pipe/),
  });
  const listed = await run('--list', '-o', 'json');
  expect(JSON.parse(listed.stdout)).toContainEqual({
    name: 'log-loss',
    direction: 'lower',
    columns: 'a probability per class',
    title: 'Logarithmic loss',
  });
});
