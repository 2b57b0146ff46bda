// Streams as endpoints send them, over a real HTTP server on the loopback. Each case is a way in which they differ.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { createOpenAiUpstream } from './openai-upstream.ts';
import type { TurnRequest, Upstream, UpstreamFailure } from './upstream.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const { signal } = new AbortController();
const request: TurnRequest = {
  model: 'm',
  messages: [{ role: 'user', content: 'go', toolCalls: [], toolCallId: '' }],
  tools: [],
  seed: 1,
  maxOutputTokens: 0,
};

/** An endpoint that writes the pieces in turn and then does as told. */
async function streaming(
  pieces: readonly string[],
  end: (response: ServerResponse) => void = (response) => response.end(),
  silence: { firstByteMs?: number; chunkMs?: number } = {},
): Promise<{ upstream: Upstream; asked: Record<string, unknown>[] }> {
  const asked: Record<string, unknown>[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      asked.push(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      for (const piece of pieces.slice(0, -1)) response.write(piece);
      const last = pieces.at(-1);
      if (last === undefined) end(response);
      else response.write(last, () => end(response));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const upstream = createOpenAiUpstream({
    name: 'mock',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    models: [
      {
        name: 'm',
        inputDollarsPerMillion: 1,
        outputDollarsPerMillion: 2,
        contextTokens: 1000,
        maxOutputTokens: 500,
        priceKnown: true,
        seed: false,
        tools: true,
        jsonSchema: false,
        reasoningEffort: 'low',
      },
    ],
    concurrency: 4,
    requestsPerMinute: 0,
    tokensPerMinute: 0,
    stream: true,
    streamUsage: true,
    outputLimitField: 'max_completion_tokens',
    timeoutMs: 5000,
    firstByteMs: 2000,
    chunkMs: 2000,
    ...silence,
    clock: systemClock,
  });
  return { upstream, asked };
}

const data = (chunk: unknown): string => `data: ${JSON.stringify(chunk)}\n\n`;
const delta = (piece: unknown, finish: string | null = null): string =>
  data({ choices: [{ index: 0, delta: piece, finish_reason: finish }] });
const done = 'data: [DONE]\n\n';
const callPiece = (fields: object, name: string | undefined, text: unknown): unknown => ({
  tool_calls: [{ ...fields, function: { ...(name === undefined ? {} : { name }), arguments: text } }],
});

test('pieces are put together, usage comes last without choices, and the wish for it is sent', async () => {
  const usage = data({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } });
  const { upstream, asked } = await streaming([
    delta({ role: 'assistant', content: '' }),
    ': keep-alive\n\n',
    delta({ reasoning_content: 'hm' }),
    delta({ content: 'hel' }),
    delta({ content: 'lo' }, 'stop'),
    usage + done,
  ]);
  expect(await upstream.complete(request, signal)).toEqual({
    message: { role: 'assistant', content: 'hello', toolCalls: [], toolCallId: '' },
    inputTokens: 9,
    outputTokens: 4,
    finishReason: 'stop',
    model: 'm',
  });
  expect(asked[0]).toMatchObject({ stream: true, stream_options: { include_usage: true }, reasoning_effort: 'low' });
});

test.each([
  [
    'in pieces with an index',
    [
      delta(callPiece({ index: 0, id: 'a' }, 'bash', '{"x"')),
      delta(callPiece({ index: 0 }, undefined, ':1}')),
      delta(callPiece({ index: 1, id: 'b' }, 'bash', '{"x":2}')),
    ],
    ['a', 'b'],
  ],
  [
    'without an index, told apart by id',
    [
      delta(callPiece({ id: 'a' }, 'bash', '{"x"')),
      delta(callPiece({ id: 'a' }, undefined, ':1}')),
      delta(callPiece({ id: 'b' }, 'bash', '{"x":2}')),
    ],
    ['a', 'b'],
  ],
  [
    'with index 0 for all',
    [
      delta(callPiece({ index: 0, id: 'a' }, 'bash', '{"x":1}')),
      delta(callPiece({ index: 0, id: 'b' }, 'bash', '{"x":2}')),
    ],
    ['a', 'b'],
  ],
  [
    'without ids, with the name in every piece',
    [
      delta(callPiece({ index: 0 }, 'bash', '{"x"')),
      delta(callPiece({ index: 0 }, 'bash', ':1}')),
      delta(callPiece({ index: 1 }, 'bash', '{"x":2}')),
    ],
    ['call_1_0', 'call_1_1'],
  ],
  [
    'with arguments as objects',
    [
      delta(callPiece({ index: 0, id: 'a' }, 'bash', { x: 1 })),
      delta(callPiece({ index: 1, id: 'b' }, 'bash', { x: 2 })),
    ],
    ['a', 'b'],
  ],
])('several tool calls %s are understood', async (_, pieces, ids) => {
  const { upstream } = await streaming([...pieces, delta({}, 'tool_calls'), done]);
  const { message, finishReason } = await upstream.complete(request, signal);
  expect(message.toolCalls).toEqual([
    { id: ids[0], name: 'bash', argumentsJson: '{"x":1}' },
    { id: ids[1], name: 'bash', argumentsJson: '{"x":2}' },
  ]);
  expect(finishReason).toBe('tool_calls');
});

test('no usage is estimated; neither a missing [DONE] nor a torn line is missed', async () => {
  const text = delta({ content: 'a long enough answer' }, 'stop');
  const { upstream } = await streaming([text.slice(0, 20), text.slice(20).trimEnd()]);
  const turn = await upstream.complete(request, signal);
  expect(turn.message.content).toBe('a long enough answer');
  expect(turn.outputTokens).toBeGreaterThan(5);
});

test('lines end in each of three ways, wherever pieces are torn, and a line may come in many pieces', async () => {
  const content = 'a'.repeat(2000);
  const text = [delta({ content }), delta({ content: 'b' }), delta({ content: 'c' }, 'stop')].map((line) =>
    line.trimEnd(),
  );
  const sent = `${text[0]}\r\n\r\n${text[1]}\r\r${text[2]}\n`;
  const { upstream } = await streaming(
    Array.from({ length: Math.ceil(sent.length / 3) }, (_, at) => sent.slice(3 * at, 3 * at + 3)),
  );
  expect((await upstream.complete(request, signal)).message.content).toBe(`${content}bc`);
});

test('an endpoint that answers a wish for a stream with one whole message is understood', async () => {
  const whole = { choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }] };
  const { upstream } = await streaming([data(whole), done]);
  expect((await upstream.complete(request, signal)).message.content).toBe('hi');
});

const failureOf = (upstream: Upstream): Promise<UpstreamFailure> =>
  upstream.complete(request, signal).then(
    () => {
      throw new Error('it should have failed');
    },
    (error: unknown) => error as UpstreamFailure,
  );

test('a stream that is cut in mid-text fails with what it costs all the same', async () => {
  const { upstream } = await streaming([delta({ content: 'a'.repeat(300) })], (response) => response.destroy());
  expect(await failureOf(upstream)).toMatchObject({
    kind: 'connection',
    billed: { inputTokens: 1, outputTokens: 100 },
  });
  const { upstream: polite } = await streaming([delta({ content: 'abc' })]);
  expect(await failureOf(polite)).toMatchObject({ kind: 'connection', billed: { outputTokens: 1 } });
});

test('of a stream that is cut, calls that came whole are kept and the torn one is left out', async () => {
  const { upstream } = await streaming(
    [
      delta(callPiece({ index: 0, id: 'a' }, 'bash', '{"x":1}')),
      delta(callPiece({ index: 1, id: 'b' }, 'bash', '{"x"')),
    ],
    (response) => response.destroy(),
  );
  const { message } = await upstream.complete(request, signal);
  expect(message.toolCalls).toEqual([{ id: 'a', name: 'bash', argumentsJson: '{"x":1}' }]);
});

test('silence before the first byte and in mid-answer ends the call', async () => {
  const stay = (): void => undefined;
  const { upstream } = await streaming([delta({ content: 'abc' })], stay, { chunkMs: 150 });
  expect(await failureOf(upstream)).toMatchObject({
    kind: 'timeout',
    message: expect.stringContaining('mid-answer: no next piece within 150 ms'),
    billed: { outputTokens: 1 },
  });
  const { upstream: mute } = await streaming([], stay, { firstByteMs: 150 });
  expect(await failureOf(mute)).toMatchObject({
    kind: 'timeout',
    message: expect.stringContaining('within 150 ms'),
    billed: { inputTokens: 1, outputTokens: 0 },
  });
});

test('an error in the middle of a stream is told as one', async () => {
  const { upstream } = await streaming([
    delta({ content: 'a' }),
    data({ error: { message: 'rate limit', code: 429 } }),
  ]);
  expect(await failureOf(upstream)).toMatchObject({ kind: 'rateLimited' });
});

const twoHundred = 'b'.repeat(200);
const wrong = data({ error: { message: 'server error' } });

test.each([
  ['an error after text', [delta({ content: 'a'.repeat(100) }), delta({ content: twoHundred }), wrong], 100],
  [
    'an error after reasoning',
    [delta({ reasoning_content: 'a'.repeat(100) }), delta({ reasoning: twoHundred }), wrong],
    100,
  ],
  [
    'an error after reasoning under both names',
    [delta({ reasoning_content: twoHundred, reasoning: twoHundred }), wrong],
    67,
  ],
  ['a refusal that is cut', [delta({ refusal: twoHundred })], 67],
  ['Japanese text that is cut, of more than a token a character', [delta({ content: '木'.repeat(60) }), wrong], 100],
  ['reasoning in it', [delta({ reasoning: '木'.repeat(60) }), wrong], 100],
  ['reasoning and then nothing', [delta({ reasoning_content: twoHundred }, 'length'), done], 67],
  ['a torn piece', [`data: {"choices":[{"delta":{"content":"${'a'.repeat(265)}`], 100],
  [
    'an error after more usage than text',
    [data({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 90 } }), wrong],
    90,
  ],
])('%s costs what was received', async (_, pieces, outputTokens) => {
  const { upstream } = await streaming(pieces);
  expect(await failureOf(upstream)).toMatchObject({ billed: { inputTokens: 1, outputTokens } });
});

test('an error before anything else costs nothing', async () => {
  const { upstream } = await streaming([wrong]);
  expect(await failureOf(upstream)).toMatchObject({ kind: 'overloaded', billed: { inputTokens: 0, outputTokens: 0 } });
});

test('where no usage is told, reasoning counts with the answer', async () => {
  const { upstream } = await streaming([
    delta({ reasoning_content: twoHundred }),
    delta({ content: 'yes' }, 'stop'),
    done,
  ]);
  expect(await upstream.complete(request, signal)).toMatchObject({ message: { content: 'yes' }, outputTokens: 68 });
});

test('a stream without a choice is malformed and costs what its usage says', async () => {
  const { upstream } = await streaming([
    data({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 0 } }),
    done,
  ]);
  expect(await failureOf(upstream)).toMatchObject({ kind: 'malformed', billed: { inputTokens: 7, outputTokens: 0 } });
});
