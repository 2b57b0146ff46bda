// Competitions as MLE-bench prepares them, with the traps of its configurations, and tables that are not CSV.

import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readTree } from '../../shared/store/tree.ts';
import { openVault } from '../vault/vault.ts';
import { runTaskCommand } from './command.ts';
import { checkFolder, importTask } from './import-task.ts';
import { findLayout } from './layout.ts';
import { readTable } from './table.ts';

async function write(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), content);
  }
}

const breeds = ['beagle', 'husky', 'pug'];
const rows = Array.from({ length: 150 }, (_, row) => ({ id: `img${row}`, a: (row * 37) % 101, b: (row * 53) % 97 }));
const breedOf = (row: { a: number; b: number }): string => breeds[(row.a + 2 * row.b) % 3] ?? '';
const [labelled, official] = [rows.slice(0, 120), rows.slice(120)];

/** The shape of dog-breed-identification: one column a class, answers one-hot, and the sample submission under private/. */
async function competition(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = join(await mkdtemp(join(tmpdir(), 'doubleblind-mle-')), 'dog-breeds');
  const oneHot = (breed: string): string => breeds.map((each) => Number(each === breed)).join(',');
  await write(directory, {
    'config.yaml': [
      'id: dog-breeds',
      'name: Dog Breeds',
      'competition_type: simple',
      'dataset:',
      '  answers: dog-breeds/prepared/private/test.csv',
      '  sample_submission: dog-breeds/prepared/private/sample_submission.csv',
      'grader:',
      '  name: accuracy',
      '  grade_fn: mlebench.competitions.dog-breeds.grade:grade',
      'preparer: mlebench.competitions.dog-breeds.prepare:prepare',
      '',
    ].join('\n'),
    'prepared/public/train.csv': `id,a,b,breed\n${labelled.map((row) => `${row.id},${row.a},${row.b},${breedOf(row)}\n`).join('')}`,
    'prepared/public/test.csv': `id,a,b\n${official.map((row) => `${row.id},${row.a},${row.b}\n`).join('')}`,
    'prepared/public/description.md': '# Dog breeds\n',
    'prepared/public/images/img0.txt': 'not a picture',
    'prepared/private/test.csv': `id,${breeds.join(',')}\n${official.map((row) => `${row.id},${oneHot(breedOf(row))}\n`).join('')}`,
    // A real one that tells something must not reach agents: this one holds the answers.
    'prepared/private/sample_submission.csv': `id,${breeds.join(',')}\n${official.map((row) => `${row.id},${oneHot(breedOf(row))}\n`).join('')}`,
    ...changes,
  });
  return directory;
}

async function task(...words: string[]) {
  return runTaskCommand(words, {}, () => async () => {
    throw new Error('no grader is to be run');
  });
}

test('a prepared competition is recognised, and its metric is never taken from the name of its grader', async () => {
  const directory = await competition();
  const refused = await task('import', directory, '--state-dir', await mkdtemp(join(tmpdir(), 'doubleblind-state-')));
  expect(refused.exitCode).toBe(6);
  expect(refused.stderr).toContain(`doubleblind task init ${directory} --metric NAME`);
  const unclear = await task('init', directory, '--metric', 'log-loss');
  expect(unclear.stderr).toContain('3 columns besides the id, so the target is not clear');
  const made = await task('init', directory, '--metric', 'log-loss', '--target', 'breed');
  expect(made.stderr).toBe('');
  expect(await readFile(join(directory, 'task.yaml'), 'utf8')).toMatch(
    /name: dog-breeds\ntitle: Dog Breeds\nmetric: log-loss/,
  );
});

test('the dry run shows what agents will see, and that test labels are for the final report only', async () => {
  const directory = await competition();
  await task('init', directory, '--metric', 'log-loss', '--target', 'breed');
  const { stdout } = await task('validate', directory);
  expect(stdout).toContain('test.csv with 54 rows, shuffled, under opaque ids');
  expect(stdout).toContain('Test labels known; used for the final report only');
  expect(stdout).toContain('the sample submission lies under private/');
  expect(stdout).toContain('agents will not see: images/');
});

test('nothing private reaches the bundle: neither the declared sample submission nor the answers', async () => {
  const directory = await competition();
  await task('init', directory, '--metric', 'log-loss', '--target', 'breed');
  const vault = openVault(await mkdtemp(join(tmpdir(), 'doubleblind-vault-')));
  const { task: imported } = await importTask(vault, directory);
  const files = new Map(
    (await readTree(vault.readBundle(imported.bundleDigest, 4096))).map((file) => [file.path, file.bytes.toString()]),
  );
  expect(new Set(files.keys())).toEqual(new Set(['description.md', 'sample_submission.csv', 'test.csv', 'train.csv']));
  const [, ...sample] = (files.get('sample_submission.csv') ?? '').trimEnd().split('\n');
  expect(new Set(sample.map((line) => line.slice(line.indexOf(',')))).size).toBe(1);
  expect(files.get('test.csv')).not.toContain('img');
  const hidden = vault.hiddenRows(imported.version);
  for (const { id, row } of hidden.official) {
    const original = official.find((each) => each.id === id);
    expect(imported.description.classes[hidden.truth[row] ?? -1]).toBe(original && breedOf(original));
  }
  expect(hidden.official.length).toBe(30);
  vault.close();
});

test('refit stays off for a competition, and the dry run says so', async () => {
  const directory = await competition({
    'task.yaml': 'name: dogs\nmetric: log-loss\ntarget: breed\nrefit: true\n',
  });
  expect((await task('validate', directory)).stdout).toContain('refit stays off');
  const vault = openVault(await mkdtemp(join(tmpdir(), 'doubleblind-vault-')));
  const { description } = (await importTask(vault, directory)).task;
  expect(description).toMatchObject({ refit: false, isBenchmark: true });
  vault.close();
});

test('answers that are not one-hot, and a sample submission in public/, work without a config.yaml', async () => {
  const directory = await competition({
    'config.yaml': 'id: [',
    'prepared/private/answers.csv': `id,breed\n${official.map((row) => `${row.id},${breedOf(row)}\n`).join('')}`,
    'prepared/public/sample_submission.csv': `id,${breeds.join(',')}\n${official.map((row) => `${row.id},0.3,0.3,0.4\n`).join('')}`,
    'task.yaml': 'name: dogs\nmetric: log-loss\ntarget: breed\n',
  });
  const plan = await checkFolder(directory);
  expect(plan.folder.answers?.file).toBe('prepared/private/answers.csv');
  expect(plan.folder.sampleIsPrivate).toBe(false);
  expect(plan.testTruth.some(Number.isNaN)).toBe(false);
});

test.each(['answers.csv', 'test.csv', 'test_orders.csv', 'inklabels_rle.csv', 'test.jsonl'])(
  'answers named %s are found, with a config.yaml that declares them and without one',
  async (name) => {
    for (const declared of [true, false]) {
      const directory = await mkdtemp(join(tmpdir(), 'doubleblind-names-'));
      const answers = `x/prepared/private/${name}`;
      await write(directory, {
        'prepared/public/train.csv': 'id,a,y\n',
        [`prepared/private/${name}`]: 'id,y\n',
        ...(declared ? { 'config.yaml': `id: x\ndataset: { answers: ${answers} }\n` } : {}),
      });
      expect((await findLayout(directory)).answers).toBe(`prepared/private/${name}`);
    }
  },
);

test('a declared path that leaves the folder is not followed', async () => {
  const directory = await competition({
    'config.yaml':
      'id: dog-breeds\ndataset: { answers: dog-breeds/../../etc/passwd, sample_submission: /etc/passwd }\n',
  });
  const layout = await findLayout(directory);
  expect(layout.answers).toBe('prepared/private/test.csv');
  expect(layout.sample).toBe('prepared/public/sample_submission.csv');
});

test('tables may be TSV, JSON lines or a JSON list, under names that task.yaml gives', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-tables-'));
  await write(directory, {
    'task.yaml': 'name: tables\nmetric: accuracy\ntarget: breed\ntables: { train: labelled.jsonl }\n',
    'labelled.jsonl': labelled.map((row) => `${JSON.stringify({ ...row, breed: breedOf(row) })}\n`).join(''),
    'test.tsv': `id\ta\tb\n${official.map((row) => `${row.id}\t${row.a}\t${row.b}\n`).join('')}`,
    'sample_submission.json': JSON.stringify(official.map(({ id }) => ({ id, breed: 'pug' }))),
    'description.md': '# Tables\n',
  });
  const plan = await checkFolder(directory);
  expect(plan.columns).toMatchObject({ id: 'id', targets: ['breed'], features: ['a', 'b'], classes: breeds });
  expect(plan.folder.ignored).toEqual([]);
});

test('JSON values become fields: texts as they are, nothing for null, the rest as JSON; bad lines are named', async () => {
  const text = '{"id":"a","x":1.5,"tags":["u","v"]}\n\n{"id":"b","x":null,"ok":true}\n';
  const table = await readTable('t.jsonl', Buffer.from(text));
  expect(table).toMatchObject({
    ok: true,
    value: {
      columns: ['id', 'x', 'tags', 'ok'],
      rows: [
        ['a', '1.5', '["u","v"]', ''],
        ['b', '', '', 'true'],
      ],
      lines: [1, 3],
    },
  });
  expect(await readTable('t.jsonl', Buffer.from('{"a":1}\n[2]\n'))).toMatchObject({ error: [{ line: 2 }] });
  expect(await readTable('t.json', Buffer.from('{"a":1}'))).toMatchObject({
    error: [{ message: 'it is not a JSON list of objects' }],
  });
});

test('files that rows name by a column or by their id get opaque names in one folder', async () => {
  const texts = Object.fromEntries([
    ...labelled.map((row) => [`prepared/public/train/${row.id}.txt`, `text of ${row.a},${row.b}`]),
    ...official.map((row) => [`prepared/public/test/${row.id}.txt`, `text of ${row.a},${row.b}`]),
  ]) as Record<string, string>;
  const byId = await competition({
    ...texts,
    'task.yaml': 'name: dogs\nmetric: log-loss\ntarget: breed\nmedia: { column: id, train: train, test: test }\n',
  });
  const vault = openVault(await mkdtemp(join(tmpdir(), 'doubleblind-vault-')));
  const { task: imported } = await importTask(vault, byId);
  const files = await readTree(vault.readBundle(imported.bundleDigest, 4096));
  const media = files.filter((file) => file.path.startsWith('files/'));
  expect(media.length).toBe(150);
  expect(media.every((file) => /^files\/r[0-9a-f]{12}\.txt$/.test(file.path))).toBe(true);
  const contents = new Map(media.map((file) => [file.path, file.bytes.toString()]));
  for (const name of ['train.csv', 'test.csv']) {
    const table =
      files
        .find((file) => file.path === name)
        ?.bytes.toString()
        .trimEnd()
        .split('\n')
        .slice(1) ?? [];
    for (const line of table) {
      const [id, a, b] = line.split(',');
      expect(contents.get(`files/${id}.txt`)).toBe(`text of ${a},${b}`);
    }
  }
  expect((await task('validate', byId)).stdout).toContain('files/ (150 files under opaque names)');

  const named = (row: { id: string; a: number; b: number }): string => `${row.id},${row.a},${row.b},${row.id}.txt`;
  const byColumn = await competition({
    ...texts,
    'prepared/public/train.csv': `id,a,b,path,breed\n${labelled.map((row) => `${named(row)},${breedOf(row)}\n`).join('')}`,
    'prepared/public/test.csv': `id,a,b,path\n${official.map((row) => `${named(row)}\n`).join('')}`,
    'task.yaml': 'name: paths\nmetric: log-loss\ntarget: breed\nmedia: { column: path, train: train, test: test }\n',
  });
  const { task: second } = await importTask(vault, byColumn);
  const again = await readTree(vault.readBundle(second.bundleDigest, 4096));
  const paths = new Map(again.map((file) => [file.path, file.bytes.toString()]));
  const rowsOf = (paths.get('test.csv') ?? '').trimEnd().split('\n').slice(1);
  for (const line of rowsOf) {
    const [, a, b, path = ''] = line.split(',');
    expect(path).toMatch(/^files\/f[0-9a-f]{12}\.txt$/);
    expect(paths.get(path)).toBe(`text of ${a},${b}`);
  }
  expect([...paths.values()].join()).not.toContain('img');
  vault.close();

  const missing = await competition({
    'task.yaml': 'name: dogs\nmetric: log-loss\ntarget: breed\nmedia: { column: id, train: nowhere }\n',
  });
  expect((await task('validate', missing)).stderr).toContain('there is no file "img0" in nowhere');
});
