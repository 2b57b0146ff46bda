import { mkdirSync, mkdtempSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { listTree, packFiles, packTree, readTree, TreeError, unpackTree } from './tree.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'doubleblind-tree-'));

function sampleTree(): string {
  const root = temporary();
  mkdirSync(join(root, 'lib'));
  writeFileSync(join(root, 'main.py'), 'print(1)\n');
  writeFileSync(join(root, 'lib', 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  return root;
}

async function tarOf(header: Parameters<ReturnType<typeof pack>['entry']>[0], body = ''): Promise<Buffer> {
  const tar = pack();
  tar.entry(header, body);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('equal trees give equal bytes, whatever their times', async () => {
  const [first, second] = [sampleTree(), sampleTree()];
  utimesSync(join(second, 'main.py'), 1, 2);
  expect((await packTree(first)).equals(await packTree(second))).toBe(true);
});

test('a packed tree unpacks to the same files and modes', async () => {
  const tar = await packTree(sampleTree());
  const target = join(temporary(), 'deep', 'out');
  await unpackTree(tar, target);
  expect(readFileSync(join(target, 'main.py'), 'utf8')).toBe('print(1)\n');
  expect(statSync(join(target, 'lib', 'run.sh')).mode & 0o777).toBe(0o755);
  expect(await listTree(tar)).toEqual([
    { path: 'lib/run.sh', sizeBytes: 10, executable: true },
    { path: 'main.py', sizeBytes: 9, executable: false },
  ]);
  await expect(unpackTree(tar, target)).rejects.toThrow('EEXIST');
});

test('links in a directory are refused', async () => {
  const root = sampleTree();
  symlinkSync('/etc/passwd', join(root, 'labels.csv'));
  await expect(packTree(root)).rejects.toThrow('labels.csv is a link');
});

test.each([
  ['an absolute path', { name: '/etc/passwd' }],
  ['a path upwards', { name: 'a/../../b' }],
  ['a backslash', { name: 'a\\b' }],
  ['a symbolic link', { name: 'a', type: 'symlink' as const, linkname: '/etc' }],
  ['a hard link', { name: 'a', type: 'link' as const, linkname: 'b' }],
  ['a device', { name: 'a', type: 'character-device' as const }],
  ['a fifo', { name: 'a', type: 'fifo' as const }],
])('a tar with %s is refused', async (_, header) => {
  await expect(readTree(await tarOf(header))).rejects.toBeInstanceOf(TreeError);
});

test('a cut tar, a doubled path and a file in place of a directory are refused', async () => {
  const tar = await packFiles([{ path: 'a', bytes: Buffer.alloc(5000, 1), executable: false }]);
  await expect(readTree(tar.subarray(0, 2000))).rejects.toBeInstanceOf(TreeError);
  await expect(readTree(Buffer.from('this is no tar at all'.repeat(100)))).rejects.toBeInstanceOf(TreeError);
  const twice = Buffer.concat([tar.subarray(0, tar.length - 1024), tar]);
  await expect(readTree(twice)).rejects.toThrow('twice');
  const file = (path: string) => ({ path, bytes: Buffer.from('x'), executable: false });
  await expect(packFiles([file('a'), file('a/b')]).then((bytes) => readTree(bytes))).rejects.toThrow('at once');
});

test('limits on bytes and entries hold', async () => {
  const tar = await packFiles([
    { path: 'a', bytes: Buffer.alloc(600), executable: false },
    { path: 'b', bytes: Buffer.alloc(600), executable: false },
  ]);
  await expect(readTree(tar, { totalBytes: 1000, entries: 10 })).rejects.toThrow('more than 1000 bytes');
  await expect(readTree(tar, { totalBytes: 2000, entries: 1 })).rejects.toThrow('more than 1 entries');
  expect(await readTree(tar, { totalBytes: 1200, entries: 2 })).toHaveLength(2);
});
