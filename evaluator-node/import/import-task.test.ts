import { cp, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readTree } from '../../shared/store/tree.ts';
import { predictiveness } from '../core/leaks.ts';
import { makeCanaryTask } from '../testing/canary-task.ts';
import { openVault, type Vault } from '../vault/vault.ts';
import { checkFolder, importTask } from './import-task.ts';
import { ImportError, type Problem } from './problem.ts';
import { reportOf } from './report.ts';

interface Files {
  [file: string]: string | Buffer | undefined;
}

const rows = Array.from({ length: 120 }, (_, row) => ({
  id: row + 1,
  a: ((row * 37) % 101) / 10,
  b: `v${(row * 7) % 13}`,
}));

const plain: Files = {
  'task.yaml': 'name: plain\nmetric: roc-auc\ntarget: label\n',
  'train.csv': `id,a,b,label\n${rows.map((row) => `${row.id},${row.a},${row.b},${(row.id * 11) % 3 === 0 ? 1 : 0}\n`).join('')}`,
  'test.csv': 'id,a,b\n501,1.5,v1\n502,2.50,"v,2"\n',
  'sample_submission.csv': 'id,label\n502,0.5\n501,0.5\n',
  'description.md': '# Plain\n',
};

async function folder(changes: Files = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-task-'));
  for (const [file, content] of Object.entries({ ...plain, ...changes })) {
    if (content !== undefined) await writeFile(join(directory, file), content);
  }
  return directory;
}

async function problemsOf(changes: Files): Promise<Problem[]> {
  const directory = await folder(changes);
  const error = await checkFolder(directory).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ImportError)) throw new Error('the folder was accepted', { cause: error });
  return [...error.problems];
}

function train(change: (line: string, row: number) => string): Files {
  const lines = String(plain['train.csv']).trimEnd().split('\n');
  return { 'train.csv': `${lines.map((line, row) => change(line, row)).join('\n')}\n` };
}

function yaml(...lines: string[]): Files {
  return { 'task.yaml': `${lines.join('\n')}\n` };
}

async function newVault(): Promise<Vault> {
  return openVault(await mkdtemp(join(tmpdir(), 'doubleblind-vault-')));
}

async function bundleFiles(vault: Vault, name: string): Promise<Map<string, string>> {
  const task = vault.findTask(name);
  const files = await readTree(vault.readBundle(task?.bundleDigest ?? '', 4096));
  return new Map(files.map((file) => [file.path, file.bytes.toString()]));
}

const bad: [string, Files, Partial<Problem> & { says: RegExp }][] = [
  ['a folder without task.yaml', { 'task.yaml': undefined }, { file: 'task.yaml', says: /doubleblind task init/ }],
  [
    'a missing target',
    yaml('name: x', 'metric: roc-auc', 'target: outcome'),
    { file: 'train.csv', line: 1, says: /"outcome" is missing.*"label"/ },
  ],
  [
    'an unknown metric',
    yaml('name: x', 'metric: rocauc', 'target: label'),
    { file: 'task.yaml', says: /Did you mean roc-auc\? Known are accuracy/ },
  ],
  [
    'an unknown key',
    yaml('name: x', 'metric: rmse', 'target: label', 'metrics: y'),
    { file: 'task.yaml', says: /unknown key metrics/ },
  ],
  ['a missing key', yaml('name: x', 'metric: rmse'), { file: 'task.yaml', says: /target is missing/ }],
  ['broken YAML', yaml('name: [x'), { file: 'task.yaml', says: /not well-formed YAML/ }],
  [
    'a name that is a path',
    yaml('name: ../x', 'metric: rmse', 'target: label'),
    { file: 'task.yaml', says: /lower-case letters/ },
  ],
  [
    'a non-numeric label',
    {
      ...yaml('name: x', 'metric: rmse', 'target: label'),
      ...train((line, row) => (row === 9 ? line.replace(/[01]$/, 'many') : line)),
    },
    { file: 'train.csv', line: 10, says: /"many" is not a number, and rmse takes numbers/ },
  ],
  [
    'a negative label for rmsle',
    {
      ...yaml('name: x', 'metric: rmsle', 'target: label'),
      ...train((line, row) => (row === 9 ? line.replace(/[01]$/, '-3') : line)),
    },
    { file: 'train.csv', line: 10, says: /below 0/ },
  ],
  [
    'an empty label',
    train((line, row) => (row === 4 ? line.replace(/[01]$/, '') : line)),
    { file: 'train.csv', line: 5, says: /empty/ },
  ],
  [
    'three labels for a binary metric',
    train((line, row) => (row === 4 ? line.replace(/[01]$/, '2') : line)),
    { file: 'train.csv', says: /3 different labels/ },
  ],
  [
    'words whose positive one is unclear',
    train((line) => line.replace(/,0$/, ',cat').replace(/,1$/, ',dog')),
    { file: 'task.yaml', says: /positive/ },
  ],
  [
    'duplicate ids',
    train((line, row) => (row === 7 ? line.replace(/^7,/, '3,') : line)),
    { file: 'train.csv', line: 8, says: /"3" stands on line 4 already/ },
  ],
  [
    'labels in test.csv',
    { 'test.csv': 'id,a,b,label\n501,1.5,v1,1\n502,2.5,v2,0\n' },
    { file: 'test.csv', line: 1, says: /labels inside a public file/ },
  ],
  [
    'labels in an extra file by name',
    { ...yaml('name: x', 'metric: roc-auc', 'target: label', 'files: [extra.csv]'), 'extra.csv': 'key,label\n1,0\n' },
    { file: 'extra.csv', says: /labels inside a public file: it has the target column/ },
  ],
  [
    'labels in an extra file by content',
    {
      ...yaml('name: x', 'metric: roc-auc', 'target: label', 'files: [extra.csv]'),
      'extra.csv': `key,what\n${rows.map((row) => `${row.id},${(row.id * 11) % 3 === 0 ? 1 : 0}\n`).join('')}`,
    },
    { file: 'extra.csv', says: /"what" gives the label of 100 %/ },
  ],
  [
    'labels in an extra text that is no table',
    {
      ...yaml('name: x', 'metric: roc-auc', 'target: label', 'files: [notes.md]'),
      'notes.md': `Some notes.\n${rows.map((row) => `${(row.id * 11) % 3 === 0 ? 1 : 0} is what ${row.id}.0 has\n`).join('')}`,
    },
    { file: 'notes.md', says: /labels inside a public file: beside 100 % of its ids stands the label/ },
  ],
  [
    'an archive as a public file',
    {
      ...yaml('name: x', 'metric: roc-auc', 'target: label', 'files: [extra.csv.gz]'),
      'extra.csv.gz': gzipSync('id,label\n1,0\n'),
    },
    { file: 'extra.csv.gz', says: /cannot be checked for labels/ },
  ],
  ['an empty file', { 'train.csv': '' }, { file: 'train.csv', says: /empty/ }],
  ['a binary file', { 'test.csv': Buffer.from([0x1f, 0x8b, 8, 0, 0, 1]) }, { file: 'test.csv', says: /binary/ }],
  ['a missing file', { 'sample_submission.csv': undefined }, { file: 'sample_submission.csv', says: /missing/ }],
  [
    'a ragged row',
    train((line, row) => (row === 12 ? `${line},extra` : line)),
    { file: 'train.csv', line: 13, says: /5 fields, the header has 4/ },
  ],
  [
    'an unclosed quote',
    train((line, row) => (row === 12 ? line.replace(',v', ',"v') : line)),
    { file: 'train.csv', says: /not well-formed CSV/ },
  ],
  [
    'an index column',
    train((line, row) => (row === 0 ? `,${line}` : `${row},${line}`)),
    { file: 'train.csv', line: 1, says: /column 1 has no name/ },
  ],
  [
    'a feature that only test.csv has',
    { 'test.csv': 'id,a,b,c\n501,1.5,v1,1\n502,2.5,v2,0\n' },
    { file: 'train.csv', says: /"c" of test.csv is not in train.csv/ },
  ],
  [
    'sample ids that test.csv lacks',
    { 'sample_submission.csv': 'id,label\n501,0\n502,0\n503,0\n' },
    { file: 'sample_submission.csv', line: 4, says: /"503" is not in test.csv/ },
  ],
  [
    'test ids that the sample lacks',
    { 'sample_submission.csv': 'id,label\n501,0\n' },
    { file: 'test.csv', line: 3, says: /"502" has no row/ },
  ],
  [
    'too few rows',
    { 'train.csv': 'id,a,b,label\n1,1,v,0\n2,2,v,1\n' },
    { file: 'train.csv', says: /2 labelled rows; expected at least 50/ },
  ],
  [
    'a feature that is the target',
    train((line, row) => (row === 0 ? line.replace('b', 'b') : line.replace(/,v\d+,([01])$/, ',$1,$1'))),
    { file: 'train.csv', says: /leak: column "b" equals the target/ },
  ],
  [
    'a feature that renames the target',
    train((line, row) => (row === 0 ? line : line.replace(/,v\d+,([01])$/, ',t$1,$1'))),
    { file: 'train.csv', says: /leak: column "b" is the target under other names/ },
  ],
  [
    'a file outside of the folder',
    yaml('name: x', 'metric: roc-auc', 'target: label', 'files: [../secret.csv]'),
    { file: 'task.yaml', says: /does not lie in the task folder/ },
  ],
  [
    'a group split without its column',
    yaml('name: x', 'metric: roc-auc', 'target: label', 'split: { strategy: group }'),
    { file: 'task.yaml', says: /names no column/ },
  ],
  [
    'a time column that tells no time',
    yaml('name: x', 'metric: roc-auc', 'target: label', 'split: { time: b }'),
    { file: 'train.csv', line: 2, says: /neither a number nor a date/ },
  ],
];

test.each(bad)('refused with file, row and remedy: %s', async (_, changes, { says, ...expected }) => {
  const problems = await problemsOf(changes);
  const found = problems.find((problem) => says.test(`${problem.message}. ${problem.remedy}`));
  expect(found ?? problems).toMatchObject(expected);
  expect(found?.remedy).toMatch(/\w/);
});

test('all problems are listed, many of one kind in short', async () => {
  const problems = await problemsOf({
    ...train((line, row) => (row > 3 && row < 40 ? line.replace(/[01]$/, '') : line.replace(/^2,/, '1,'))),
    'sample_submission.csv': 'id,label\n501,0\n',
  });
  expect(problems.some((problem) => /stands on line 2 already/.test(problem.message))).toBe(true);
  expect(problems.some((problem) => /has no row in sample_submission/.test(problem.message))).toBe(true);
  const empty = await problemsOf(train((line, row) => (row > 3 && row < 40 ? line.replace(/[01]$/, '') : line)));
  expect(empty.at(-1)?.message).toMatch(/31 more rows/);
});

test('what is refused leaves nothing behind', async () => {
  const vault = await newVault();
  await expect(importTask(vault, await folder({ 'train.csv': '' }))).rejects.toThrow(ImportError);
  expect(vault.listTasks('', 10)).toEqual([]);
  vault.close();
});

test('the bundle looks like a Kaggle task and hides which row is which', async () => {
  const vault = await newVault();
  const { task } = await importTask(vault, await folder());
  const files = await bundleFiles(vault, 'plain');
  expect([...files.keys()]).toEqual(['description.md', 'sample_submission.csv', 'test.csv', 'train.csv']);
  const trainLines = files.get('train.csv')?.trimEnd().split('\n') ?? [];
  const testLines = files.get('test.csv')?.trimEnd().split('\n') ?? [];
  expect(trainLines[0]).toBe('id,a,b,label');
  expect(testLines[0]).toBe('id,a,b');
  expect([trainLines.length - 1, testLines.length - 1]).toEqual([96, 26]);
  expect([...trainLines, ...testLines].filter((line) => !/^r[0-9a-f]{12},/.test(line))).toHaveLength(2);
  // Numbers and quoting stand as in the original.
  expect(files.get('test.csv')).toMatch(/,2\.50,"v,2"\n/);
  expect(files.get('sample_submission.csv')?.split('\n')[1]).toMatch(/^r[0-9a-f]{12},0\.5$/);
  expect(task.description).toMatchObject({
    trainRows: 96,
    testRows: 26,
    predictionColumns: ['label'],
    classes: ['0', '1'],
  });
  vault.close();
});

test('ids and order of the bundle say nothing about labels or splits', async () => {
  const vault = await newVault();
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-digits-'));
  await cp(new URL('../../tasks/digits', import.meta.url), directory, { recursive: true });
  const { task } = await importTask(vault, directory, Buffer.alloc(32, 7));
  const hidden = vault.hiddenRows(task.version);
  const known = [...hidden.truth.keys()];
  const order = Float64Array.from(known);
  const byId = Float64Array.from(hidden.ids, (id) => Number.parseInt(id.slice(1), 16));
  const target = { classification: true, truth: hidden.truth, classes: task.description.classes };
  const split = {
    classification: true,
    truth: Float64Array.from(hidden.splits),
    classes: ['search', 'validation', 'test'],
  };
  for (const values of [order, byId]) {
    expect(predictiveness(values, target)).toBeLessThan(3);
    expect(predictiveness(values, split)).toBeLessThan(3);
  }
  vault.close();
});

test('equal content is imported once; changed content is a new version, and the old one stays', async () => {
  const vault = await newVault();
  const directory = await folder();
  const first = await importTask(vault, directory);
  expect(first.kind).toBe('imported');
  expect((await importTask(vault, directory)).kind).toBe('unchanged');
  await writeFile(join(directory, 'description.md'), '# Other\n');
  const second = await importTask(vault, directory);
  expect(second.kind).toBe('newVersion');
  expect(vault.findTask('plain')?.version).toBe(second.task.version);
  expect(vault.findTask(`plain@${first.task.version}`)?.version).toBe(first.task.version);
  expect(vault.hiddenRows(first.task.version).ids).not.toEqual(vault.hiddenRows(second.task.version).ids);
  await writeFile(join(directory, 'description.md'), '# Plain\n');
  expect((await importTask(vault, directory)).kind).toBe('restored');
  vault.close();
});

test('equal content and secret give an equal bundle, byte for byte', async () => {
  const [one, other] = [await newVault(), await newVault()];
  const secret = Buffer.alloc(32, 1);
  const first = await importTask(one, await folder(), secret);
  const second = await importTask(other, await folder(), secret);
  expect(second.task).toEqual(first.task);
  one.close();
  other.close();
});

test('the vault is for its owner alone', async () => {
  const state = await mkdtemp(join(tmpdir(), 'doubleblind-vault-'));
  const vault = openVault(state);
  const { task } = await importTask(vault, await folder());
  const mode = async (...path: string[]): Promise<number> => (await stat(join(state, ...path))).mode & 0o777;
  expect(await mode()).toBe(0o700);
  expect(await mode('bundles')).toBe(0o700);
  expect(await mode('vault.sqlite')).toBe(0o600);
  expect(await mode('bundles', `${task.bundleDigest}.tar`)).toBe(0o600);
  vault.close();
});

test('a canary task hides its unique labels in the vault and nowhere in the bundle', async () => {
  const vault = await newVault();
  const canary = await makeCanaryTask(await mkdtemp(join(tmpdir(), 'doubleblind-canary-')), 1);
  await importTask(vault, canary.directory);
  const files = await bundleFiles(vault, canary.name);
  const hidden = canary.hiddenTokens(files.get('train.csv') ?? '');
  expect(hidden.length).toBe(100);
  expect(new Set(hidden).size).toBe(100);
  const bundle = [...files.values()].join('\n');
  expect(hidden.filter((token) => bundle.includes(token))).toEqual([]);
  vault.close();
});

test.each(['digits', 'birdstrikes', 'diamonds'])(
  'the packaged task %s is importable and names its licence',
  async (name) => {
    const directory = new URL(`../../tasks/${name}`, import.meta.url).pathname;
    const report = reportOf(await checkFolder(directory));
    expect(report).toMatchObject({ name, testLabels: true });
    const settings = await readFile(join(directory, 'task.yaml'), 'utf8');
    expect(settings).toMatch(/^source: .{10,}$/m);
    expect(settings).toMatch(/^licence: (CC BY 4\.0|U\.S\. Government work, public domain|MIT)$/m);
  },
);

test('a numeric target is stratified by its deciles, a class column with a prefix keeps its official name', async () => {
  const classes = await folder({
    ...yaml('name: x', 'metric: log-loss', 'target: label'),
    'sample_submission.csv': 'id,Class_1,Class_0\n501,0.5,0.5\n502,0.5,0.5\n',
  });
  const plan = await checkFolder(classes);
  expect(plan.columns).toMatchObject({
    classes: ['1', '0'],
    predictionColumns: ['1', '0'],
    officialColumns: ['Class_1', 'Class_0'],
  });
});

test('a train.csv without ids is given some', async () => {
  const vault = await newVault();
  await importTask(vault, await folder(train((line) => line.slice(line.indexOf(',') + 1))));
  expect((await bundleFiles(vault, 'plain')).get('train.csv')).toMatch(/^id,a,b,label\nr[0-9a-f]{12},/);
  vault.close();
});

test('rows sorted by the target are warned about', async () => {
  const sorted = rows.map((row) => `${row.id},${row.a},${row.b},${row.id > 60 ? 1 : 0}\n`).join('');
  const plan = await checkFolder(await folder({ 'train.csv': `id,a,b,label\n${sorted}` }));
  expect(plan.warnings.some((warning) => /order of the rows predicts the target/.test(warning))).toBe(true);
  expect(plan.warnings.some((warning) => /ids predict the target/.test(warning))).toBe(true);
});

test('a text that only mentions ids is public, and a file that nobody can read is told of', async () => {
  const directory = await folder({
    ...yaml('name: x', 'metric: roc-auc', 'target: label', 'files: [notes.md, model.bin]'),
    'notes.md': rows.map((row) => `row ${row.id} was measured on day ${(row.id * 7) % 5}\n`).join(''),
    'model.bin': Buffer.from([0x00, 0xff, 0xfe, 0x80]),
  });
  const { warnings } = await checkFolder(directory);
  expect(warnings).toContainEqual(expect.stringContaining('model.bin is neither a table nor text'));
});
