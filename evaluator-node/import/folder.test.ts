// What a folder may not do: fetch files from elsewhere on the evaluator's machine, or exhaust it with its settings.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFolder } from './folder.ts';
import { readTable } from './table.ts';

async function folder(settings: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-folder-'));
  await writeFile(join(directory, 'task.yaml'), `name: t\nmetric: rmse\ntarget: y\n${settings}`);
  await writeFile(join(directory, 'train.csv'), 'id,x,y\n1,2,3\n');
  await writeFile(join(directory, 'test.csv'), 'id,x\n2,2\n');
  await writeFile(join(directory, 'sample_submission.csv'), 'id,y\n2,0\n');
  return directory;
}

async function problemsOf(directory: string): Promise<readonly { file: string; message: string }[]> {
  const read = await readFolder(directory);
  if (read.ok) throw new Error('the folder was accepted');
  return read.error;
}

test('a link that leads out of the folder is refused, whatever file it stands for', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'doubleblind-elsewhere-'));
  await writeFile(join(elsewhere, 'secret.txt'), 'secret');
  await writeFile(join(elsewhere, 'train.csv'), 'id,x,y\n1,2,3\n');
  const out = 'it is a link, or lies behind one, that leads out of the task folder';
  const extra = await folder('files: [a.txt, b/secret.txt]\n');
  await symlink(join(elsewhere, 'secret.txt'), join(extra, 'a.txt'));
  await symlink(elsewhere, join(extra, 'b'));
  const found = (await problemsOf(extra)).map(({ file, message }) => ({ file, message }));
  expect(found).toEqual([
    { file: 'a.txt', message: out },
    { file: 'b/secret.txt', message: out },
  ]);
  const described = await folder('');
  await symlink(join(elsewhere, 'secret.txt'), join(described, 'description.md'));
  expect(await problemsOf(described)).toMatchObject([{ file: 'description.md', message: out }]);
  const pictures = await folder('media: { column: x, train: pictures }\n');
  await symlink(elsewhere, join(pictures, 'pictures'));
  expect(await problemsOf(pictures)).toContainEqual(expect.objectContaining({ file: 'pictures', message: out }));
});

test('a link inside of the folder is a file like any other', async () => {
  const directory = await folder('files: [a.txt]\n');
  await mkdir(join(directory, 'notes'));
  await writeFile(join(directory, 'notes/a.txt'), 'hello');
  await symlink('notes/a.txt', join(directory, 'a.txt'));
  expect(await readFolder(directory)).toMatchObject({ ok: true });
});

test('settings that unfold without bound, and a description that is no text, are told with the file', async () => {
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefghij'
      .split('')
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[index]}`).join(', ')}]`),
  ];
  const unfolding = await folder(`${bomb.join('\n')}\n`);
  expect(await problemsOf(unfolding)).toMatchObject([{ file: 'task.yaml', message: expect.stringMatching(/alias/i) }]);
  const binary = await folder('');
  await writeFile(join(binary, 'description.md'), Buffer.from([0xff, 0xfe, 0x00, 0x41]));
  expect(await problemsOf(binary)).toMatchObject([{ file: 'description.md', message: 'it is no UTF-8 text' }]);
});

test('a pointer of Git LFS in place of a file is told with the command that fetches it', async () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 123456\n`;
  const message = 'this is a pointer of Git LFS, not the file itself';
  const remedy = expect.stringContaining('git lfs pull');
  const directory = await folder('files: [a.parquet]\n');
  await writeFile(join(directory, 'train.csv'), pointer);
  await writeFile(join(directory, 'a.parquet'), pointer);
  expect(await problemsOf(directory)).toMatchObject([
    { file: 'train.csv', message, remedy },
    { file: 'a.parquet', message, remedy },
  ]);
  const pictures = await folder('media: { column: x, train: pictures }\n');
  await mkdir(join(pictures, 'pictures'));
  await writeFile(join(pictures, 'pictures/2.png'), pointer);
  expect(await problemsOf(pictures)).toContainEqual({ file: 'pictures/2.png', message, remedy });
});

test('a pipe in place of a file is refused and not waited for', async () => {
  const directory = await folder('files: [a.txt]\n');
  execFileSync('mkfifo', [join(directory, 'a.txt')]);
  expect(await problemsOf(directory)).toMatchObject([
    { file: 'a.txt', message: expect.stringMatching(/no regular file/) },
  ]);
});

test('a field of 20 MB is refused with its line, its column and what to look for', async () => {
  const rows = ['{"id":1,"x":"2"}', `{"id":2,"x":"${'z'.repeat(20e6)}"}`, '{"id":3,"x":"4"}'];
  expect(await readTable('train.jsonl', Buffer.from(rows.join('\n')))).toMatchObject({
    error: [{ file: 'train.jsonl', line: 2, message: expect.stringMatching(/column "x" has 20000000 characters/) }],
  });
});

test('the grader cannot be a public file', async () => {
  const directory = await folder('files: [grade.py]\n');
  await writeFile(
    join(directory, 'task.yaml'),
    'name: t\ntarget: y\ngrader: { file: grade.py, better: higher }\nfiles: [grade.py]\n',
  );
  await writeFile(join(directory, 'grade.py'), 'def grade(submission, answers):\n    return 1.0\n');
  expect(await problemsOf(directory)).toMatchObject([
    { file: 'task.yaml', message: expect.stringMatching(/agents must not see/) },
  ]);
});
