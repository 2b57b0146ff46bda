// Folders of pictures as Kaggle gives them: an id that names a file, and no other column to predict from.

import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readTree } from '../../shared/store/tree.ts';
import { openVault } from '../vault/vault.ts';
import { runTaskCommand } from './command.ts';
import { importTask } from './import-task.ts';

const grades = Array.from({ length: 90 }, (_, row) => ({ image: `img_${row}`, grade: (row * 29) % 3 }));
const official = ['img_900', 'img_901'];

type Files = Readonly<Record<string, string | undefined>>;

/** Labels by the id, a picture for each id, and nothing else. */
async function pictures(changes: Files = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-pictures-'));
  const files: Files = {
    'train.csv': `image,grade\n${grades.map(({ image, grade }) => `${image},${grade}\n`).join('')}`,
    'test.csv': `image\n${official.join('\n')}\n`,
    'sample_submission.csv': `image,grade\n${official.map((image) => `${image},0\n`).join('')}`,
    'description.md': '# Pictures\n',
    'other/notes.txt': 'a folder that rows do not name',
    ...Object.fromEntries(grades.map(({ image }, row) => [`train/${image}.png`, `picture ${(row * 37) % 101}`])),
    ...Object.fromEntries(official.map((image) => [`test/${image}.png`, `picture of ${image}`])),
    ...changes,
  };
  for (const [file, content] of Object.entries(files)) {
    if (content === undefined) continue;
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), content);
  }
  return directory;
}

const media = 'media: { column: image, train: train, test: test }';
const yaml = (...lines: string[]): Files => ({
  'task.yaml': `name: grades\nmetric: qwk\ntarget: grade\n${lines.join('\n')}\n`,
});

async function task(...words: string[]) {
  return runTaskCommand(words, {}, () => async () => {
    throw new Error('no grader is to be run');
  });
}

/** The names in a bundle, and its tables. */
async function bundleOf(directory: string): Promise<Map<string, string>> {
  const vault = openVault(await mkdtemp(join(tmpdir(), 'doubleblind-vault-')));
  const { task: imported } = await importTask(vault, directory);
  const files = await readTree(vault.readBundle(imported.bundleDigest, 4096));
  vault.close();
  return new Map(files.map(({ path, bytes }) => [path, bytes.toString()]));
}

test('pictures named by the id need no feature column besides', async () => {
  const directory = await pictures(yaml(media));
  expect(await task('validate', directory)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('files/ (92 files under opaque names)'),
  });
  const bundle = await bundleOf(directory);
  expect(bundle.get('train.csv')).toMatch(/^image,grade\nr[0-9a-f]{12},[012]\n/);
  const ids = (bundle.get('test.csv') ?? '').trimEnd().split('\n');
  expect(ids).toHaveLength(1 + 18 + 2);
  for (const id of ids.slice(1)) expect(bundle.get(`files/${id}.png`)).toMatch(/^picture /);
});

test('without media, a table of ids alone is refused with what to write for pictures', async () => {
  const refused = await task('validate', await pictures(yaml()));
  expect(refused).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('there is no feature column') });
  expect(refused.stderr).toContain('add `media: { column: "image", train: FOLDER, test: FOLDER }` to task.yaml');
});

test('where there is no test table, pictures are predicted for the ids of the sample submission', async () => {
  for (const named of [{}, yaml(media, 'tables: { test: sample_submission.csv }')]) {
    const directory = await pictures({ ...yaml(media), 'test.csv': undefined, ...named });
    const bundle = await bundleOf(directory);
    expect((bundle.get('test.csv') ?? '').trimEnd().split('\n')).toHaveLength(1 + 18 + 2);
    expect([...bundle.values()]).toContain('picture of img_901');
  }
  const wrong = await pictures({ ...yaml(media, 'tables: { test: tset.csv }'), 'test.csv': undefined });
  expect((await task('validate', wrong)).stderr).toContain('tset.csv: the file is missing');
});

test('init finds the folders that ids name, with and without a test table, and one folder of both', async () => {
  for (const changes of [{}, { 'test.csv': undefined }]) {
    const directory = await pictures(changes);
    expect(await task('init', directory, '--metric', 'qwk')).toMatchObject({ exitCode: 0 });
    const text = await readFile(join(directory, 'task.yaml'), 'utf8');
    expect(text).toContain('media:\n  column: image\n  train: train\n  test: test\n');
  }
  const moved = official.flatMap((image) => [[`test/${image}.png`, undefined] as const, [`train/${image}.png`, image]]);
  const directory = await pictures(Object.fromEntries(moved));
  await task('init', directory, '--metric', 'qwk');
  expect(await readFile(join(directory, 'task.yaml'), 'utf8')).toContain('media:\n  column: image\n  train: train\nf');
});

test('init that finds no file for some id says where files should lie', async () => {
  const refused = await task('init', await pictures({ 'train/img_7.png': undefined }), '--metric', 'qwk');
  expect(refused).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('a file for each id of train.csv') });
  expect(refused.stderr).not.toContain('task.yaml');
});
