// Spans as a collector gets them: over gRPC and NATS under one another, and never a word of what was said.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../log.ts';
import { type Collector, startCollector } from './collector.test-support.ts';
import { attemptSpan, currentSpan, fromTraceparent, runUnder, toTraceparent } from './context.ts';
import { inSpan, startTracing, type Tracing } from './tracer.ts';

let collector: Collector;
let tracing: Tracing | undefined;

beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  await tracing?.stop();
  tracing = undefined;
  await collector.stop();
});

function start(at = collector.endpoint): Tracing {
  tracing = startTracing({ service: 'doubleblind-tester', endpoint: at, log: silentLogger });
  return tracing;
}

test('spans arrive as OTLP, under one another, with what they were told and what went wrong', async () => {
  const running = start();
  const parent = attemptSpan({ runId: 'r', attemptId: 'a', epoch: 1 });
  await inSpan(
    'outer',
    { kind: 'server', parent, attributes: { text: 'x', whole: 3, part: 0.5, flag: true } },
    async (span) => {
      span.set({ list: ['a', 'b'], nothing: undefined });
      await expect(inSpan('inner', {}, () => Promise.reject(new TypeError('no')))).rejects.toThrow('no');
    },
  );
  await running.stop();
  expect(collector.requests).toEqual(['POST /v1/traces application/json']);
  const [inner, outer] = collector.spans;
  expect(outer).toMatchObject({
    ...{ traceId: parent.traceId, parentSpanId: parent.spanId },
    ...{ name: 'outer', kind: 2, status: {} },
  });
  expect(inner).toMatchObject({
    traceId: parent.traceId,
    parentSpanId: outer?.spanId,
    status: { code: 2, message: 'no' },
  });
  expect(outer?.attributes).toEqual([
    { key: 'text', value: { stringValue: 'x' } },
    { key: 'whole', value: { intValue: '3' } },
    { key: 'part', value: { doubleValue: 0.5 } },
    { key: 'flag', value: { boolValue: true } },
    { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } } },
  ]);
  expect(inner?.attributes).toContainEqual({ key: 'error.type', value: { stringValue: 'TypeError' } });
  expect(BigInt(outer?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(outer?.startTimeUnixNano ?? 1));
});

test('without an endpoint nothing is sent, and the context of a caller is still handed on', async () => {
  const parent = attemptSpan({ runId: 'r', attemptId: 'a', epoch: 1 });
  expect(await inSpan('x', { parent }, async () => currentSpan())).toEqual(parent);
  expect(await inSpan('x', {}, async () => currentSpan())).toBeUndefined();
  expect(collector.requests).toEqual([]);
});

test('a collector that refuses or is away changes nothing for what is traced', async () => {
  collector.status = 503;
  const refused = start();
  expect(await inSpan('x', {}, async () => 7)).toBe(7);
  await refused.stop();
  const away = start('http://127.0.0.1:1');
  expect(await inSpan('x', {}, async () => 8)).toBe(8);
  await away.stop();
});

test('an attempt has one trace for all who know its name, and another root for each epoch', () => {
  const attempt = { runId: 'r', attemptId: 'a', epoch: 1 };
  expect(attemptSpan(attempt)).toEqual(attemptSpan({ ...attempt }));
  const later = attemptSpan({ ...attempt, epoch: 2 });
  expect(later.traceId).toBe(attemptSpan(attempt).traceId);
  expect(later.spanId).not.toBe(attemptSpan(attempt).spanId);
});

test('a trace context is read as it was written, and anything else is none', () => {
  const context = attemptSpan({ runId: 'r', attemptId: 'a', epoch: 1 });
  expect(fromTraceparent(toTraceparent(context))).toEqual(context);
  const zero = `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`;
  for (const text of [undefined, '', 'x', zero, toTraceparent(context).toUpperCase(), `${toTraceparent(context)}0`])
    expect(fromTraceparent(text), String(text)).toBeUndefined();
  expect(runUnder(context, currentSpan)).toEqual(context);
});
