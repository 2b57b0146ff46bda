// An index that asks for a name and password, and what becomes of them.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { createLogger } from '../../shared/log.ts';
import { configSchema } from '../config.ts';
import { openPackages } from './open-packages.ts';
import { makeWheel } from './test-wheel.ts';

const password = 'pass-Word/1234567';
const wanted = `Basic ${Buffer.from(`reader:${password}`).toString('base64')}`;
const wheel = makeWheel('tool', '1', 'x = 1\n');

let stack: AsyncDisposableStack;
let directory: string;
let lines: string[];
beforeEach(() => {
  stack = new AsyncDisposableStack();
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-index-'));
  lines = [];
  stack.defer(() => rmSync(directory, { recursive: true }));
});
afterEach(() => stack.disposeAsync());

interface Site {
  readonly origin: string;
  /** Path and authorization of each request. */
  readonly asked: (readonly [string, string | undefined])[];
}

async function site(answer: (path: string, request: IncomingMessage, response: ServerResponse) => void): Promise<Site> {
  const asked: [string, string | undefined][] = [];
  const server = createServer((request, response) => {
    asked.push([request.url ?? '', request.headers.authorization]);
    answer(request.url ?? '', request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close().closeAllConnections());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const page = (href: string) => `<a href="${href}#sha256=${wheel.sha256}">${wheel.fileName}</a>`;

/** An index that answers only those with the password. Its wheel is at `href`; what is asked of /away is sent on to `other`. */
function closedIndex(href = `/files/${wheel.fileName}`, other = ''): Promise<Site> {
  return site((path, request, response) => {
    if (request.headers.authorization !== wanted) response.writeHead(401).end();
    else if (path === '/simple/tool/') response.writeHead(200, { 'content-type': 'text/html' }).end(page(href));
    else if (path === '/away') response.writeHead(302, { location: other }).end();
    else response.end(wheel.bytes);
  });
}

function open(origin: string, credentials: string) {
  const credentialsFile = join(directory, 'credentials');
  writeFileSync(credentialsFile, credentials, { mode: 0o600 });
  const packages = configSchema.shape.packages.parse({
    ...{ mode: 'mirror', index: `${origin}/simple`, allow: ['tool'], credentialsFile },
  });
  const log = createLogger({ name: 'test', level: 'debug', destination: { write: (line) => lines.push(line) } });
  return openPackages({ packages, stateDirectory: directory }, { clock: systemClock, log }, stack);
}

/** What a sandbox gets over the socket. */
async function seen(path: string): Promise<{ status: number; body: string }> {
  const request = httpRequest({ socketPath: join(directory, 'packages', 'index.sock'), path });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

function expectNoPassword(...texts: string[]): void {
  for (const one of [...lines, ...texts]) {
    expect(one).not.toContain(password);
    expect(one).not.toContain(wanted.slice('Basic '.length));
  }
}

test('an index with a password serves its wheels to sandboxes, which see no password', async () => {
  const index = await closedIndex();
  await open(index.origin, `reader:${password}\n`);
  const listing = await seen('/simple/tool/');
  expect(listing.body).toContain(wheel.fileName);
  const file = await seen(`/files/tool/${wheel.fileName}`);
  expect(file.status).toBe(200);
  expect(index.asked.map(([, authorization]) => authorization)).toEqual([wanted, wanted]);
  expectNoPassword(listing.body, file.body);
});

test.each(['named', 'sent on to'])('another host that the index has %s gets no password', async (how) => {
  const other = await site((_path, _request, response) => response.end(wheel.bytes));
  const file = `${other.origin}/${wheel.fileName}`;
  const index = await closedIndex(how === 'named' ? file : '/away', file);
  await open(index.origin, `reader:${password}`);
  expect((await seen(`/files/tool/${wheel.fileName}`)).status).toBe(200);
  expect(other.asked).toEqual([[`/${wheel.fileName}`, undefined]]);
});

test('addresses of files in which the index repeats a name and password are used without them', async () => {
  const index = await closedIndex();
  const own = await closedIndex(`http://reader:from-the-index@${new URL(index.origin).host}/f/${wheel.fileName}`);
  await open(own.origin, `reader:${password}`);
  // That one is another origin than the index's, so it gets nothing and refuses; what is logged of it has no password.
  expect((await seen(`/files/tool/${wheel.fileName}`)).status).toBe(502);
  expect(index.asked.at(-1)).toEqual([`/f/${wheel.fileName}`, undefined]);
  expect(lines.join('\n')).toContain('answered 401');
  expect(lines.join('\n')).not.toContain('from-the-index');
});

test('a wrong password is told to the operator without it, and to a sandbox as no answer', async () => {
  const index = await closedIndex();
  await open(index.origin, 'reader:something-else');
  const refused = await seen('/simple/tool/');
  expect(refused).toEqual({ status: 502, body: 'the index does not answer\n' });
  expect(lines.join('\n')).toContain('packages.credentialsFile');
  expect(lines.join('\n')).not.toContain('something-else');
  // The file is read again, so a new password needs no restart.
  writeFileSync(join(directory, 'credentials'), `reader:${password}`);
  expect((await seen('/simple/tool/')).status).toBe(200);
});

test('a file without a password stops the daemon at its start, in words', async () => {
  await expect(open('http://127.0.0.1:9', 'reader')).rejects.toThrow('holds no NAME:PASSWORD');
});
