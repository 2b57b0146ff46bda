import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTaskCommand } from './command.ts';

/** A folder whose rows have these labels in turn, and what `task validate` says of it. */
async function validated(metric: string, labels: readonly string[], ...words: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-labels-'));
  const rows = Array.from(
    { length: 120 },
    (_, row) => `${row},${(row * 37) % 101},${labels[((row * 29) % 101) % labels.length]}\n`,
  );
  const files = {
    'task.yaml': `name: one\nmetric: ${metric}\ntarget: kind\n${words.map((word) => `${word}\n`).join('')}`,
    'train.csv': `id,a,kind\n${rows.join('')}`,
    'test.csv': 'id,a\n901,1\n',
    'sample_submission.csv': 'id,kind\n901,0\n',
    'description.md': '# One\n',
  };
  for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content);
  const { exitCode, stdout, stderr } = await runTaskCommand(['validate', directory], {}, () => async () => {
    throw new Error('no grader is to be run');
  });
  expect([exitCode, stderr]).toEqual([0, '']);
  return stdout;
}

test('a target that never varies is warned of, whatever its spelling', async () => {
  expect(await validated('rmse', ['7', '7.0'])).toContain(
    'all 120 labels of the target "kind" are "7": there is nothing',
  );
  expect(await validated('levenshtein', ['aa'])).toContain('all 120 labels of the target "kind" are "aa"');
  expect(await validated('rmse', ['7', '8'])).not.toContain('nothing to predict');
});

test('labels that look like values that are missing are warned of, and taken as they stand', async () => {
  const told = await validated('accuracy', ['cat', 'NaN', 'nan', '?']);
  expect(told).toContain('the labels "?", "NaN", "nan" look like values that are missing');
  expect(told).toContain('Labels      "?", "NaN", "cat", "nan"');
  expect(await validated('roc-auc', ['0', 'N/A'], 'positive: 0')).toContain('the label "N/A" looks like a value');
  expect(await validated('accuracy', ['cat', 'nanny'])).not.toContain('missing');
});

test('labels that differ by capitals or spaces alone are warned of and shown in quotes', async () => {
  const told = await validated('accuracy', [' Sales', 'sales', 'Sales', 'hr']);
  expect(told).toMatch(/capitals or surrounding spaces alone.*: " Sales", "Sales", "sales"\n/);
  expect(told).toContain('Labels      " Sales", "Sales", "hr", "sales"');
  expect(await validated('accuracy', ['sales', 'hr'])).not.toContain('capitals');
});
