// One contract for every index: a folder of wheels, and an allow-list in front of an index elsewhere.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { sha256 } from '../../shared/store/digest.ts';

import { openIndexProxy } from './index-proxy.ts';
import type { PackageIndex } from './package-index.ts';
import { makeWheel, type TestWheel } from './test-wheel.ts';
import { openWheelFolder } from './wheel-folder.ts';

/** Of callers who wait for what they asked for. */
const patient = new AbortController().signal;
const undo: (() => void)[] = [];
afterEach(() => {
  for (const one of undo.splice(0).reverse()) one();
});

const wheels = [
  makeWheel('Fancy_Trees', '1.0', 'x = 1\n'),
  makeWheel('Fancy_Trees', '1.1', 'x = 2\n'),
  makeWheel('other', '2', ''),
];

function folderIndex(): Promise<PackageIndex> {
  const directory = mkdtempSync(join(tmpdir(), 'wheels-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  for (const { fileName, bytes } of wheels) writeFileSync(join(directory, fileName), bytes);
  writeFileSync(join(directory, 'secret.txt'), 'not a wheel');
  return Promise.resolve(openWheelFolder(directory));
}

interface Elsewhere {
  bytesOf(wheel: TestWheel): Buffer;
  up: boolean;
}

/** An index elsewhere: what it was asked for, and an answer that a test may change. */
async function elsewhere() {
  const asked: string[] = [];
  const state: Elsewhere = { bytesOf: (wheel) => wheel.bytes, up: true };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const file = wheels.find(({ fileName }) => path === `/f/${fileName}`);
    if (!state.up) response.writeHead(503).end();
    else if (file !== undefined) response.end(state.bytesOf(file));
    else if (path === '/simple/fancy-trees/' || path === '/simple/other/' || path === '/simple/secret/') {
      const links = wheels.map((one) => `<a href="/f/${one.fileName}#sha256=${one.sha256}">${one.fileName}</a>`);
      response.writeHead(200, { 'content-type': 'text/html' }).end(links.join('\n'));
    } else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close().closeAllConnections());
  const directory = mkdtempSync(join(tmpdir(), 'proxy-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/simple/`;
  const index = await openIndexProxy({
    url,
    allow: ['Fancy.Trees', 'other'],
    directory,
    maxBytes: 10_000,
    clock: systemClock,
  });
  return { index, asked, state };
}

async function read(index: PackageIndex, project: string, fileName: string): Promise<string | undefined> {
  const wheel = await index.open(project, fileName, patient);
  if (wheel === undefined) return undefined;
  try {
    return sha256(await buffer(wheel.stream()));
  } finally {
    await wheel.close();
  }
}

test.each([
  ['a folder', folderIndex],
  ['a proxy', async () => (await elsewhere()).index],
])('%s offers its wheels under normal names with their hashes, and only them', async (_name, open) => {
  const index = await open();
  expect(await index.projects()).toEqual(['fancy-trees', 'other']);
  const found = (await index.wheels('fancy-trees')) ?? [];
  const wanted = wheels.slice(0, 2);
  expect(found.map(({ fileName, sha256: hash }) => [fileName, hash])).toEqual(
    wanted.map((one) => [one.fileName, one.sha256]),
  );
  for (const { fileName, sha256: hash } of wanted) expect(await read(index, 'fancy-trees', fileName)).toBe(hash);
  expect(await index.wheels('secret')).toBeUndefined();
  for (const name of ['other-2-py3-none-any.whl', '../wheels/other-2-py3-none-any.whl', 'secret.txt', '.', '']) {
    expect(await index.open('fancy-trees', name, patient)).toBeUndefined();
  }
});

test('a folder tells the hash of the bytes that are there now', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'wheels-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  const [first, second] = [makeWheel('tool', '1', 'x = 1\n'), makeWheel('tool', '1', 'x = 2\n')];
  const index = openWheelFolder(directory);
  for (const { fileName, bytes, sha256: hash } of [first, second]) {
    writeFileSync(join(directory, fileName), bytes);
    expect(await index.wheels('tool')).toMatchObject([{ sha256: hash }]);
  }
});

test('a proxy asks for nothing that is not on its list', async () => {
  const { index, asked } = await elsewhere();
  expect(await index.wheels('secret')).toBeUndefined();
  expect(await index.open('secret', 'secret-1-py3-none-any.whl', patient)).toBeUndefined();
  expect(asked).toEqual([]);
});

test('a proxy refuses bytes that have not the hash their index told, and keeps those that have', async () => {
  const { index, asked, state } = await elsewhere();
  const [wheel] = wheels as [TestWheel];
  state.bytesOf = ({ bytes }) => Buffer.concat([bytes, Buffer.from('!')]);
  await expect(index.open('fancy-trees', wheel.fileName, patient)).rejects.toThrow('has not the hash');
  state.bytesOf = ({ bytes }) => bytes;
  expect(await read(index, 'fancy-trees', wheel.fileName)).toBe(wheel.sha256);
  state.up = false;
  expect(await read(index, 'fancy-trees', wheel.fileName)).toBe(wheel.sha256);
  expect(asked.filter((path) => path.startsWith('/f/'))).toHaveLength(2);
});

test('a proxy refuses a wheel that is larger than all that it may keep', async () => {
  const { index, state } = await elsewhere();
  const [wheel] = wheels as [TestWheel];
  state.bytesOf = () => Buffer.alloc(20_000);
  await expect(index.open('fancy-trees', wheel.fileName, patient)).rejects.toThrow('more than 10000 bytes');
});
