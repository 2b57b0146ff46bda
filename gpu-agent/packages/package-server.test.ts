import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { PackageIndex } from './package-index.ts';
import { type PackageServer, startPackageServer } from './package-server.ts';
import { makeWheel } from './test-wheel.ts';
import { openWheelFolder } from './wheel-folder.ts';

const wheel = makeWheel('tool', '1.0', 'x = 1\n');
let directory: string;
let server: PackageServer;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'packages-'));
  const wheels = join(directory, 'wheels');
  mkdirSync(wheels);
  writeFileSync(join(wheels, wheel.fileName), wheel.bytes);
  writeFileSync(join(directory, 'secret.whl'), 'secret');
  server = await startPackageServer(join(directory, 'socket'), openWheelFolder(wheels), silentLogger);
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** What the server answers to these bytes, whole. */
async function send(request: string): Promise<string> {
  const socket = connect(join(server.directory, 'index.sock'));
  await once(socket, 'connect');
  const answer = text(socket);
  socket.write(request);
  return await answer;
}

const get = (path: string, method = 'GET'): Promise<string> =>
  send(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

test('pip finds the list, a project under any spelling, and a wheel', async () => {
  expect(await get('/simple/')).toContain('<a href="/simple/tool/">');
  const page = await get('/simple/Tool/');
  expect(page).toContain(`<a href="/files/tool/${wheel.fileName}#sha256=${wheel.sha256}">`);
  const file = await get(`/files/tool/${wheel.fileName}`);
  expect(file).toMatch(/^HTTP\/1.1 200/);
  expect(file).toContain(`content-length: ${wheel.bytes.length}`);
  expect(await get(`/files/tool/${wheel.fileName}`, 'HEAD')).toMatch(/\r\n\r\n$/);
});

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'MKCOL', 'OPTIONS'])('%s is refused', async (method) => {
  expect(await get('/simple/', method)).toMatch(/^HTTP\/1.1 (405|400)/);
  expect(await get(`/files/tool/${wheel.fileName}`, method)).toMatch(/^HTTP\/1.1 (405|400)/);
});

test.each([
  '/',
  '/simple',
  '/simple/unknown/',
  '/simple/../../etc/passwd/',
  '/simple/..%2f..%2fetc/',
  '/files/../secret.whl',
  '/files/tool/../../secret.whl',
  '/files/tool/..%2f..%2fsecret.whl',
  '/files/tool/....//secret.whl',
  '/files/tool//etc/passwd.whl',
  '/files/tool/secret.whl',
  `/files/other/${wheel.fileName}`,
  `/files/tool/${wheel.fileName}?x`,
  'http://169.254.169.254/latest/meta-data/',
  'file:///etc/passwd',
  '*',
])('%s is not there', async (path) => {
  expect(await get(path)).toMatch(/^HTTP\/1.1 4\d\d/);
});

test('it is no tunnel, and does not change its protocol', async () => {
  expect(await send('CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n')).not.toMatch(/^HTTP\/1.1 2/);
  const upgrade = 'GET /simple/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n';
  expect(await send(upgrade)).not.toMatch(/^HTTP\/1.1 101/);
});

test('nonsense and endless heads end the connection, and the next one is served', async () => {
  expect(await send('\x16\x03\x01\x02\x00\x01\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
  expect(await send(`GET /simple/ HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
  expect(await get('/simple/')).toMatch(/^HTTP\/1.1 200/);
});

/** Connects to the server; resolves with all that it answered until the connection ended, even where it was cut. */
async function converse(talk: (socket: Socket) => void): Promise<string> {
  const socket = connect(join(server.directory, 'index.sock'));
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  await once(socket, 'connect');
  talk(socket);
  await ended;
  return Buffer.concat(chunks).toString('latin1');
}

test('requests that do not wait for their answers open no more than one wheel, and their connection is cut', async () => {
  await server.stop();
  let opened = 0;
  let open = 0;
  const index: PackageIndex = {
    projects: () => Promise.resolve(['tool']),
    wheels: () => Promise.resolve([]),
    open() {
      opened += 1;
      open += 1;
      const close = () => {
        open -= 1;
        return Promise.resolve();
      };
      return Promise.resolve({ sizeBytes: 4, stream: () => Readable.from([Buffer.from('data')]), close });
    },
  };
  server = await startPackageServer(server.directory, index, silentLogger);
  const ask = (connection: string) =>
    `GET /files/tool/${wheel.fileName} HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`;
  await converse((socket) => socket.write(ask('keep-alive').repeat(50) + ask('close')));
  await waitFor('every wheel to be closed', () => open === 0);
  expect(opened).toBeLessThanOrEqual(1);
});

test('the index is told when the client that asked for a wheel is gone', async () => {
  await server.stop();
  let asked: AbortSignal | undefined;
  const open = (_project: string, _fileName: string, signal: AbortSignal) => {
    asked = signal;
    return new Promise<undefined>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const index: PackageIndex = { projects: () => Promise.resolve([]), wheels: () => Promise.resolve([]), open };
  server = await startPackageServer(server.directory, index, silentLogger);
  const socket = connect(join(server.directory, 'index.sock'));
  socket.write(`GET /files/tool/${wheel.fileName} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await waitFor('the index to be asked', () => asked !== undefined);
  expect(asked?.aborted).toBe(false);
  socket.destroy();
  await waitFor('the index to be told', () => asked?.aborted);
});

test('requests that wait for their answers share a connection', async () => {
  const ask = (connection: string) => `GET /simple/tool/ HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`;
  const heard = await converse((socket) => {
    let left = 20;
    const next = () => socket.write(ask(left-- > 0 ? 'keep-alive' : 'close'));
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('</html>')) next();
    });
    next();
  });
  expect(heard.match(/HTTP\/1.1 200/g)).toHaveLength(21);
});

test('the directory that sandboxes see holds the socket alone, which goes when the server stops', async () => {
  expect(readdirSync(server.directory)).toEqual(['index.sock']);
  await server.stop();
  expect(existsSync(join(server.directory, 'index.sock'))).toBe(false);
});

test('a directory that is too long for a socket is named', async () => {
  const long = join(directory, 'x'.repeat(120));
  await expect(startPackageServer(long, openWheelFolder(directory), silentLogger)).rejects.toThrow(
    'shorter stateDirectory',
  );
});

test('a daemon that starts again serves in the directory that its sandboxes have mounted', async () => {
  const { ino } = statSync(server.directory);
  await server.stop();
  writeFileSync(join(server.directory, 'left'), '');
  server = await startPackageServer(server.directory, openWheelFolder(join(directory, 'wheels')), silentLogger);
  expect(statSync(server.directory).ino).toBe(ino);
  expect(readdirSync(server.directory)).toEqual(['index.sock']);
  expect(await get('/simple/')).toMatch(/^HTTP\/1.1 200/);
});
