// What a sandbox that asks for everything at once costs the host.

import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { openIndexProxy } from './index-proxy.ts';
import { makeWheel } from './test-wheel.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const one of undo.splice(0).reverse()) one();
});

const maxBytes = 10_000;
const wheels = Array.from({ length: 12 }, (_, number) => makeWheel('tool', `1.${number}`, `x = ${number}\n`));
const [small] = wheels;
if (small === undefined) throw new Error('there are twelve');

/** An index whose wheels, but for the first, come to 4,000 bytes and then never end. */
async function slowIndex() {
  const held = new Set<ServerResponse>();
  const state = { asked: 0, most: 0 };
  const server = createServer((request, response) => {
    if (request.url === '/simple/tool/') {
      const links = wheels.map((one) => `<a href="/f/${one.fileName}#sha256=${one.sha256}">${one.fileName}</a>`);
      response.writeHead(200, { 'content-type': 'text/html' }).end(links.join('\n'));
    } else if (request.url === `/f/${small?.fileName}`) response.end(small?.bytes);
    else {
      state.asked += 1;
      held.add(response);
      state.most = Math.max(state.most, held.size);
      response.once('close', () => held.delete(response));
      response.write(Buffer.alloc(4_000));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close().closeAllConnections());
  const directory = mkdtempSync(join(tmpdir(), 'proxy-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`;
  const index = await openIndexProxy({ url, allow: ['tool'], directory, maxBytes, clock: systemClock });
  const incoming = () => readdirSync(join(directory, 'incoming')).map((name) => join(directory, 'incoming', name));
  return { index, held, state, incoming };
}

test('wheels that come in have no more bytes together than the bound, few come at a time, and none for a client that is gone', async () => {
  const { index, held, state, incoming } = await slowIndex();
  const client = new AbortController();
  const refusals: unknown[] = [];
  const asked = wheels
    .slice(1)
    .map((one) => index.open('tool', one.fileName, client.signal).catch((error: unknown) => refusals.push(error)));
  // Two of 4,000 bytes have room; whichever comes as a third has not.
  await waitFor('all that have no room to be refused', () => refusals.length === asked.length - 2, {
    timeoutMs: 20_000,
  });
  expect(String(refusals[0])).toContain('has no room');
  expect(state.most).toBeLessThanOrEqual(3);
  expect(incoming().reduce((sum, path) => sum + statSync(path).size, 0)).toBeLessThanOrEqual(maxBytes);
  client.abort();
  await Promise.all(asked);
  await waitFor('the downloads to end', () => held.size === 0 && incoming().length === 0, { timeoutMs: 20_000 });
  const wheel = await index.open('tool', small.fileName, new AbortController().signal);
  expect(wheel?.sizeBytes).toBe(small.bytes.length);
  await wheel?.close();
});
