// Against a real HTTP server on the loopback that misbehaves as endpoints do.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { mendCalls } from '../core/tool-call-repair.ts';
import { createOpenAiUpstream, type OpenAiUpstreamOptions } from './openai-upstream.ts';
import type { TurnRequest, Upstream } from './upstream.ts';

const key = 'sk-test-0123456789';
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

type Answer = (response: ServerResponse, body: Record<string, unknown>, request: IncomingMessage) => void;

const model = {
  name: 'm',
  inputDollarsPerMillion: 1,
  outputDollarsPerMillion: 2,
  contextTokens: 1000,
  maxOutputTokens: 500,
  priceKnown: true,
  seed: true,
  tools: true,
  jsonSchema: false,
  reasoningEffort: '',
};
const usual = {
  models: [model],
  concurrency: 4,
  requestsPerMinute: 0,
  tokensPerMinute: 0,
  stream: false,
  streamUsage: true,
  outputLimitField: 'max_completion_tokens',
  timeoutMs: 5000,
  firstByteMs: 2000,
  chunkMs: 2000,
  clock: systemClock,
} as const;

async function endpoint(answer: Answer, fields: Partial<OpenAiUpstreamOptions> = {}): Promise<Upstream> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      answer(response, JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>, request),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const keyFile = join(mkdtempSync(join(tmpdir(), 'gateway-key-')), 'key');
  writeFileSync(keyFile, `${key}\n`);
  return createOpenAiUpstream({
    name: 'mock',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    keyFile,
    ...usual,
    ...fields,
  });
}

function json(response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const request: TurnRequest = {
  model: 'm',
  messages: [
    { role: 'system', content: 'rules', toolCalls: [], toolCallId: '' },
    { role: 'user', content: 'go', toolCalls: [], toolCallId: '' },
    {
      role: 'assistant',
      content: '',
      toolCalls: [{ id: 'c1', name: 'bash', argumentsJson: '{"command":"ls"}' }],
      toolCallId: '',
    },
    { role: 'tool', content: 'main.py', toolCalls: [], toolCallId: 'c1' },
  ],
  tools: [{ name: 'bash', description: 'runs', parametersJson: '{"type":"object"}' }],
  seed: 5,
  maxOutputTokens: 77,
};
const { signal } = new AbortController();

const choice = (message: unknown, finish_reason = 'stop') => ({ choices: [{ index: 0, message, finish_reason }] });
const usage = { usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 } };

test('a conversation with tools goes out as the protocol has it, and the call comes back', async () => {
  let sent: Record<string, unknown> = {};
  let authorization: string | undefined;
  const upstream = await endpoint((response, body, incoming) => {
    sent = body;
    authorization = incoming.headers.authorization;
    const calls = [{ id: 'x', type: 'function', function: { name: 'bash', arguments: '{"command":"pwd"}' } }];
    json(response, { ...choice({ role: 'assistant', content: null, tool_calls: calls }, 'tool_calls'), ...usage });
  });
  const turn = await upstream.complete(request, signal);
  expect(turn).toEqual({
    message: {
      role: 'assistant',
      content: '',
      toolCalls: [{ id: 'x', name: 'bash', argumentsJson: '{"command":"pwd"}' }],
      toolCallId: '',
    },
    inputTokens: 11,
    outputTokens: 3,
    finishReason: 'tool_calls',
    model: 'm',
  });
  expect(authorization).toBe(`Bearer ${key}`);
  expect(sent).toMatchObject({ model: 'm', seed: 5, max_completion_tokens: 77 });
  expect(sent['messages']).toMatchObject([
    { role: 'system', content: 'rules' },
    { role: 'user', content: 'go' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', function: { name: 'bash', arguments: '{"command":"ls"}' } }],
    },
    { role: 'tool', content: 'main.py', tool_call_id: 'c1' },
  ]);
});

const bashCall = (input: unknown, id?: string) => ({
  ...(id === undefined ? {} : { id }),
  type: 'function',
  function: { name: 'bash', arguments: input },
});

test.each([
  [
    'without ids',
    { tool_calls: [bashCall('{"a":1}'), bashCall('{"a":2}')] },
    ['call_4_0', 'call_4_1'],
    ['{"a":1}', '{"a":2}'],
  ],
  [
    'with one id for all',
    { tool_calls: [bashCall('{}', 'same'), bashCall('{}', 'same')] },
    ['same', 'call_4_1'],
    ['{}', '{}'],
  ],
  ['with arguments as an object', { tool_calls: [bashCall({ a: 1 }, 'x')] }, ['x'], ['{"a":1}']],
  ['with no arguments', { tool_calls: [bashCall('', 'x')] }, ['x'], ['{}']],
  ['as an old function_call', { function_call: { name: 'bash', arguments: '{}' } }, ['call_4_0'], ['{}']],
])('tool calls %s are understood', async (_, message, ids, inputs) => {
  const upstream = await endpoint((response) =>
    json(response, { ...choice({ role: 'assistant', content: '', ...message }), ...usage }),
  );
  const { message: answer, finishReason } = await upstream.complete(request, signal);
  expect(answer.toolCalls.map((call) => call.id)).toEqual(ids);
  expect(answer.toolCalls.map((call) => call.argumentsJson)).toEqual(inputs);
  expect(finishReason).toBe('tool_calls');
});

test('missing usage is estimated, content in parts is joined, unknown fields are ignored', async () => {
  const content = [
    { type: 'text', text: 'hel' },
    { type: 'text', text: 'lo' },
  ];
  const upstream = await endpoint((response) =>
    json(response, choice({ role: 'assistant', content, reasoning_content: 'hm' }, 'length')),
  );
  const turn = await upstream.complete(request, signal);
  expect(turn.message.content).toBe('hello');
  expect(turn.finishReason).toBe('length');
  expect(turn.inputTokens).toBeGreaterThan(0);
  expect(turn.outputTokens).toBeGreaterThan(0);
});

test.each([
  ['no choices', 200, { choices: [] }, {}, 'malformed', 0],
  ['an empty message', 200, choice({ role: 'assistant', content: '' }), {}, 'malformed', 0],
  ['a 200 with an error body', 200, { error: { message: 'Rate limit reached', code: 429 } }, {}, 'rateLimited', 0],
  ['a 200 with an overload', 200, { error: 'model is loading' }, {}, 'overloaded', 0],
  ['something else', 200, ['?'], {}, 'malformed', 0],
  ['429 with seconds', 429, { error: { message: 'slow down' } }, { 'retry-after': '7' }, 'rateLimited', 7000],
  [
    '429 with milliseconds',
    429,
    { error: { message: 'slow down' } },
    { 'retry-after-ms': '250', 'retry-after': '9' },
    'rateLimited',
    250,
  ],
  ['429 for a quota', 429, { error: { message: 'pay', code: 'insufficient_quota' } }, {}, 'unauthorised', 0],
  ['503', 503, { error: { message: 'busy' } }, { 'retry-after': '2' }, 'overloaded', 2000],
  [
    '401 that repeats the key',
    401,
    { error: { message: `Incorrect API key provided: ${key}` } },
    {},
    'unauthorised',
    0,
  ],
  ['400', 400, { error: { message: 'no such parameter' } }, {}, 'refused', 0],
  [
    '400 for a long context',
    400,
    { error: { message: "This model's maximum context length is 1000 tokens" } },
    {},
    'contextTooLong',
    0,
  ],
])('%s becomes a typed failure without the key', async (_, status, body, headers, kind, retryAfterMs) => {
  const upstream = await endpoint((response) => json(response, body, status, headers as Record<string, string>));
  const failure: unknown = await upstream.complete(request, signal).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    name: 'UpstreamFailure',
    kind,
    retryAfterMs,
    message: expect.stringContaining('mock'),
  });
  expect(String((failure as Error).message) + String((failure as Error).stack)).not.toContain(key);
});

test('a date in Retry-After is honoured', async () => {
  const date = new Date(Date.now() + 5000).toUTCString();
  const upstream = await endpoint((response) => json(response, { error: {} }, 429, { 'retry-after': date }));
  const failure = (await upstream.complete(request, signal).catch((error: unknown) => error)) as {
    retryAfterMs: number;
  };
  expect(failure.retryAfterMs).toBeGreaterThan(3000);
  expect(failure.retryAfterMs).toBeLessThanOrEqual(5000);
});

test('silence, a cut connection and an unreachable endpoint are told apart', async () => {
  const silent = await endpoint(() => undefined, { timeoutMs: 100 });
  await expect(silent.complete(request, signal)).rejects.toMatchObject({ kind: 'timeout' });
  const cut = await endpoint((response) => response.destroy());
  await expect(cut.complete(request, signal)).rejects.toMatchObject({ kind: 'connection' });
});

const answer = JSON.stringify(choice({ role: 'assistant', content: 'a'.repeat(3000) }));
const start = (response: ServerResponse, text: string): ServerResponse => {
  response.writeHead(200, { 'content-type': 'application/json' }).write(text);
  return response;
};

const japanese = `{${'木'.repeat(300)}`;

test.each([
  ['by the connection', 'connection', 0, 500, (response) => void start(response, answer.slice(0, 1500)).socket?.end()],
  ['as if it were whole', 'malformed', 0, 500, (response) => void start(response, answer.slice(0, 1500)).end()],
  ['in Japanese by the connection', 'connection', 0, 501, (response) => void start(response, japanese).socket?.end()],
  ['in Japanese as if it were whole', 'malformed', 0, 501, (response) => void start(response, japanese).end()],
  ['after more than was asked for', 'malformed', 100, 100, (response) => void start(response, japanese).end()],
] satisfies [string, string, number, number, Answer][])(
  'a whole answer that is cut %s costs what was received of it',
  async (_, kind, maxOutputTokens, outputTokens, cut) => {
    const upstream = await endpoint(cut);
    const sent = expect.closeTo(25, -1);
    await expect(upstream.complete({ ...request, maxOutputTokens }, signal)).rejects.toMatchObject({
      kind,
      billed: { inputTokens: sent, outputTokens },
    });
  },
);

test.each([
  ['nothing came', () => undefined],
  ['blanks came', (response) => void start(response, '\n\n\n')],
  ['its beginning came', (response) => void start(response, '{"choices":')],
] satisfies [string, Answer][])(
  'a whole answer for which the time is up when %s costs what was reserved',
  async (_, stall) => {
    const upstream = await endpoint(stall, { timeoutMs: 200, chunkMs: 200 });
    const failure = (asked: TurnRequest): Promise<unknown> =>
      upstream.complete(asked, signal).catch((error: unknown) => error);
    expect(await failure(request)).toMatchObject({ kind: 'timeout', billed: { outputTokens: 77 } });
    expect(await failure({ ...request, maxOutputTokens: 0 })).toMatchObject({ billed: { outputTokens: 500 } });
  },
);

test.each([
  ['that hangs up', (response) => void response.destroy()],
  ['whose proxy gives up (504)', (response) => json(response, { error: {} }, 504)],
  ['whose proxy gives up (524)', (response) => json(response, { error: {} }, 524)],
] satisfies [string, Answer][])(
  'an endpoint %s may have read and written all: that costs what was reserved',
  async (_, end) => {
    const upstream = await endpoint(end);
    await expect(upstream.complete(request, signal)).rejects.toMatchObject({ billed: { outputTokens: 77 } });
  },
);

test('an endpoint where nobody listens costs nothing', async () => {
  // A port on which nothing listens any more.
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const upstream = await endpoint(() => undefined, { baseUrl: `http://127.0.0.1:${port}/v1` });
  await expect(upstream.complete(request, signal)).rejects.toMatchObject({
    kind: 'connection',
    billed: { inputTokens: 0, outputTokens: 0 },
  });
});

test.each([
  ['an error', (response) => json(response, { error: 'model is loading' })],
  ['a page', (response) => void start(response, '<html>').end()],
  ['an overload', (response) => json(response, { error: { message: 'busy' } }, 503)],
] satisfies [string, Answer][])('%s instead of an answer costs nothing', async (_, instead) => {
  const upstream = await endpoint(instead);
  await expect(upstream.complete(request, signal)).rejects.toMatchObject({
    billed: { inputTokens: 0, outputTokens: 0 },
  });
});

test('each failure is tried once only: retries belong to the gateway', async () => {
  let calls = 0;
  const upstream = await endpoint((response) => {
    calls += 1;
    json(response, {}, 500);
  });
  await expect(upstream.complete(request, signal)).rejects.toMatchObject({ kind: 'overloaded' });
  expect(calls).toBe(1);
});

test('giving up ends the call with the reason', async () => {
  const upstream = await endpoint(() => undefined);
  const controller = new AbortController();
  const call = upstream.complete(request, controller.signal);
  controller.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
});

test('a key file that is missing or holds more than a key is refused with its path', () => {
  const options = {
    name: 'mock',
    baseUrl: 'http://127.0.0.1:1/v1',
    ...usual,
  };
  expect(() => createOpenAiUpstream({ ...options, keyFile: '/nowhere/key' })).toThrow('/nowhere/key');
  const keyFile = join(mkdtempSync(join(tmpdir(), 'gateway-key-')), 'key');
  writeFileSync(keyFile, 'two words');
  expect(() => createOpenAiUpstream({ ...options, keyFile })).toThrow('the key alone');
});

test('an endpoint without tool calls is told the tools as text, and never sent what it would refuse', async () => {
  const sent: Record<string, unknown>[] = [];
  const said = 'I look.\n<tool_call>\n{"name": "bash", "arguments": {"command": "pwd"}}\n</tool_call>';
  const upstream = await endpoint(
    (response, body) => {
      sent.push(body);
      const roles = (body['messages'] as { role: string }[]).map(({ role }) => role);
      const refused = 'tools' in body || roles.includes('tool') || JSON.stringify(body).includes('tool_calls');
      if (refused) json(response, { error: { message: 'tools are not supported' } }, 400);
      else json(response, { ...choice({ role: 'assistant', content: said }), ...usage });
    },
    { models: [{ ...model, tools: false }] },
  );
  const turn = await upstream.complete(request, signal);
  expect(turn.message.content).toBe(said);
  const { calls } = mendCalls(turn.message.content, turn.message.toolCalls, ['bash'], 4);
  expect(calls).toMatchObject([{ name: 'bash', argumentsJson: '{"command":"pwd"}' }]);
  expect(sent).toHaveLength(1);
});

test('the schema of an answer is sent only to models that can be held to one', async () => {
  const sent: Record<string, unknown>[] = [];
  const answer: Answer = (response, body) => {
    sent.push(body);
    json(response, { ...choice({ role: 'assistant', content: '{}' }), ...usage });
  };
  const asked = { ...request, tools: [], answerSchemaJson: '{"type":"object"}' };
  await (await endpoint(answer)).complete(asked, signal);
  await (await endpoint(answer, { models: [{ ...model, jsonSchema: true }] })).complete(asked, signal);
  expect(sent[0]).not.toHaveProperty('response_format');
  expect(sent[1]?.['response_format']).toMatchObject({
    type: 'json_schema',
    json_schema: { schema: { type: 'object' } },
  });
});
