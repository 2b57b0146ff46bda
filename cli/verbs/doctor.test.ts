// `doctor --model` and `cost` against a real gateway, with an endpoint on the loopback behind it.

import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatewayConfigSchema } from '../../llm-gateway/config.ts';
import { type RunningGateway, startGateway } from '../../llm-gateway/start.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { runVerb, type Seen } from '../testing/run-verb.ts';

const endpoint = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { model } = JSON.parse(Buffer.concat(chunks).toString()) as { model: string };
    const call = { id: 'c', type: 'function', function: { name: 'report_sum', arguments: '{"sum":42}' } };
    const message = model === 'chatty' ? { content: 'It is 42.' } : { content: null, tool_calls: [call] };
    const usage = { prompt_tokens: 100, completion_tokens: 10 };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: 'stop' }], usage }));
  });
});
let gateway: RunningGateway;
let pki = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/v1`;
  const priced = { inputDollarsPerMillion: 1000, outputDollarsPerMillion: 2000 };
  const config = gatewayConfigSchema.parse({
    listen: '127.0.0.1:0',
    stateDirectory: mkdtempSync(join(tmpdir(), 'gateway-')),
    tls: await testTls('llm-gateway'),
    upstreams: [
      { name: 'good', kind: 'openai', baseUrl, models: [{ name: 'able', ...priced }, { name: 'chatty' }] },
      { name: 'gone', kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1', models: [{ name: 'able', ...priced }] },
    ],
  });
  gateway = await startGateway(config, { log: silentLogger, clock: systemClock });
  pki = dirname((await testTls('operator')).key);
});
afterAll(async () => {
  await gateway.stop();
  endpoint.closeAllConnections();
  endpoint.close();
});

function doctor(...words: string[]): Promise<Seen> {
  return runVerb(['doctor', '--gateway', gateway.address, '--pki-dir', pki, ...words]);
}

test('doctor --model says for each upstream whether it answers, calls tools and has a price', async () => {
  const { code, stdout } = await doctor('--model', 'able');
  expect(code).toBe(6);
  expect(stdout).toMatch(/✓ Reachable +good\/able answered in/);
  expect(stdout).toMatch(/✓ Tools +good\/able called one/);
  expect(stdout).toMatch(/✓ Price +good\/able: the turn cost \$0\.12/);
  expect(stdout).toMatch(/✗ Reachable +gone\/able: upstream gone could not be reached/);
});

test('a model that answers with text and has no price is told apart from one that works', async () => {
  const { code, stdout } = await doctor('--model', 'chatty');
  expect(code).toBe(6);
  expect(stdout).toContain('it answered with text instead of a tool call');
  expect(stdout).toContain('so no budget of dollars can stop it');
  const offline = await doctor('--model', 'offline-policy');
  expect(offline).toMatchObject({ code: 0, stdout: expect.stringContaining('rules, not a language model') });
});

test('a model that nobody serves is told with those that there are', async () => {
  const { code, stderr } = await doctor('--model', 'nobody');
  expect(code).toBe(3);
  expect(stderr).toContain('able, chatty, offline-policy');
});
