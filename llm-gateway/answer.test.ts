import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLogger } from '../shared/log.ts';
import { startCollector } from '../shared/tracing/collector.test-support.ts';
import { attemptSpan, runUnder } from '../shared/tracing/context.ts';
import { startTracing } from '../shared/tracing/tracer.ts';
import { openBook } from './book.ts';
import { account, gatewayOn, greedy, order, race, signal } from './testing/raced-gateway.ts';
import { scriptedUpstream, turn } from './testing/scripted-upstream.ts';
import { type Turn, UpstreamFailure } from './upstream/upstream.ts';

test('a turn for which only reserved money is missing waits until it is known what was spent', async () => {
  const gateway = gatewayOn([scriptedUpstream('frugal', [turn('x')], { dollarsPerMillion: 100 })]);
  const ends = await race(gateway, 16, { dollars: 0.5, outputTokens: 0 });
  expect(ends.map((end) => end.status)).toEqual(Array.from({ length: 16 }, () => 'fulfilled'));
});

test('a run that has nothing left opens no more attempts, until it may spend more', async () => {
  const gateway = gatewayOn([greedy(10)]);
  await race(gateway, 4, { dollars: 0.05, outputTokens: 0 });
  const next = { ...account, attemptId: 'next', runDollars: 0.05 };
  expect(() => gateway.openAttempt(next)).toThrow(
    expect.objectContaining({
      reason: 'budgetSpent',
      metadata: expect.objectContaining({ scope: 'run', budget: 'dollars' }),
    }),
  );
  gateway.openAttempt({ ...next, runDollars: 1 });
  gateway.openAttempt({ ...next, runId: 'other', attemptId: 'elsewhere' });
});

test('a budget of the operator holds whatever a run asks for', async () => {
  const gateway = gatewayOn([greedy(10)], { budgets: { perRun: { dollars: 0.01, outputTokens: 0 } } });
  const ends = await race(gateway, 8, { dollars: 50, outputTokens: 0 });
  expect(ends.filter((end) => end.status === 'rejected').length).toBeGreaterThan(5);
});

test('what a call reserved is counted after kill -9 in the middle of it', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'gateway-')), 'gateway.sqlite');
  const child = `
    import { openBook } from ${JSON.stringify(new URL('./book.ts', import.meta.url).href)};
    const book = openBook(${JSON.stringify(path)});
    const account = { ...${JSON.stringify(account)}, closed: false };
    book.open(account, 'token', new Date(0));
    const reservation = { dollars: 0.25, outputTokens: 1000, capped: true };
    book.begin(account, { requestId: 'r', digest: 'd', upstream: 'u', model: 'm', reservation }, new Date(0));
    process.kill(process.pid, 'SIGKILL');`;
  const { signal: killedBy } = spawnSync(process.execPath, ['--input-type=module', '-e', child]);
  expect(killedBy).toBe('SIGKILL');
  const book = openBook(path);
  expect(book.spentByRun('run')).toMatchObject({ dollars: 0.25, outputTokens: 1000 });
  expect(book.spentByHost('run', 'host-1')).toMatchObject({ dollars: 0.25 });
});

const broken = turn('', 20, [{ id: 'c1', name: 'bash', argumentsJson: '{"command":"l' }]);
const sound = turn('', 30, [{ id: 'c2', name: 'bash', argumentsJson: '{"command":"ls"}' }]);

test('a model is told what is wrong with its call, and both answers are paid for once', async () => {
  const book = openBook(':memory:');
  const upstream = scriptedUpstream('a', [broken, sound], { dollarsPerMillion: 1000 });
  const gateway = gatewayOn([upstream], { book });
  const token = gateway.openAttempt(account);
  const answer = await gateway.complete(order(token, 'r'), 'host-1', signal);
  expect(answer.turn).toMatchObject({ message: sound.message, inputTokens: 200, outputTokens: 50 });
  expect(answer.dollars).toBeCloseTo(0.25);
  expect(book.totals('attempt')).toMatchObject({ inputTokens: 200, outputTokens: 50, turns: 1 });
  expect(book.totals('attempt').dollars).toBeCloseTo(0.25);
  expect(upstream.asked[1]?.messages.slice(1)).toEqual([
    broken.message,
    expect.objectContaining({ role: 'tool', toolCallId: 'c1', content: expect.stringContaining('JSON object') }),
  ]);
});

test('a model that cannot mend its call in two turns has its answer passed on as it is', async () => {
  const upstream = scriptedUpstream('a', [broken]);
  const gateway = gatewayOn([upstream]);
  const answer = await gateway.complete(order(gateway.openAttempt(account), 'r'), 'host-1', signal);
  expect(answer.turn.message).toEqual(broken.message);
  expect(upstream.asked).toHaveLength(3);
});

test('what a cut stream cost is counted, and the answer that follows carries it', async () => {
  const book = openBook(':memory:');
  const billed = { inputTokens: 100, outputTokens: 50 };
  const cut = new UpstreamFailure('connection', 'upstream a cut the answer off', { billed });
  const upstream = scriptedUpstream('a', [cut, sound], { dollarsPerMillion: 1000 });
  const gateway = gatewayOn([upstream], { book });
  const answer = await gateway.complete(order(gateway.openAttempt(account), 'r'), 'host-1', signal);
  expect(answer.dollars).toBeCloseTo(0.28);
  expect(book.spent('attempt').dollars).toBeCloseTo(0.28);
});

test('what a turn had reserved that a bug ended is its cost at once, and its repeat is answered', async () => {
  const book = openBook(':memory:');
  const upstream = scriptedUpstream('a', [Promise.reject(new TypeError('a bug')), sound], { dollarsPerMillion: 100 });
  const gateway = gatewayOn([upstream], { book });
  const token = gateway.openAttempt(account);
  await expect(gateway.complete(order(token, 'r'), 'host-1', signal)).rejects.toThrow('a bug');
  const { dollars, openDollars } = book.spent('attempt');
  expect(dollars).toBeGreaterThan(0.4);
  expect(openDollars).toBe(0);
  await gateway.complete(order(token, 'r'), 'host-1', signal);
  expect(book.spent('attempt').dollars).toBeCloseTo(dollars + 0.013);
});

test('an upstream that keeps failing is left alone, and the other one answers at once', async () => {
  const down = scriptedUpstream('down', [new UpstreamFailure('overloaded', 'upstream down failed (503)')]);
  const up = scriptedUpstream('up', [sound]);
  const gateway = gatewayOn([down, up], { failures: 4 });
  const token = gateway.openAttempt(account);
  for (const id of ['a', 'b', 'c', 'd']) {
    expect((await gateway.complete(order(token, id), 'host-1', signal)).upstream).toBe('up');
  }
  expect(down.asked).toHaveLength(4);
});

test('a conversation that is too long goes to an upstream with more room, and to none with as little', async () => {
  const tooLong = new UpstreamFailure('contextTooLong', 'upstream says no');
  const small = scriptedUpstream('small', [tooLong]);
  const alike = scriptedUpstream('alike', [sound]);
  const large = scriptedUpstream('large', [sound], { contextTokens: 5000 });
  const gateway = gatewayOn([small, alike, large]);
  const token = gateway.openAttempt(account);
  expect((await gateway.complete(order(token, 'a'), 'host-1', signal)).upstream).toBe('large');
  expect(alike.asked).toHaveLength(0);
  const alone = gatewayOn([small]);
  await expect(alone.complete(order(alone.openAttempt(account), 'a'), 'host-1', signal)).rejects.toMatchObject({
    reason: 'contextTooLong',
  });
});

test('a model is checked: reachable, calls the tool as told, price known', async () => {
  const call = (input: string): Turn => turn('', 10, [{ id: 'c', name: 'report_sum', argumentsJson: input }]);
  const checked = async (play: Turn | UpstreamFailure): Promise<unknown> =>
    (await gatewayOn([scriptedUpstream('a', [play])]).check('m', signal))[0];
  expect(await checked(call('{"sum":42}'))).toMatchObject({
    reachable: true,
    toolsWork: true,
    priceKnown: true,
    detail: '',
  });
  expect(await checked(call('{"sum":41}'))).toMatchObject({ reachable: true, toolsWork: false });
  expect(await checked(turn('It is 42.'))).toMatchObject({ toolsWork: false, detail: expect.stringContaining('text') });
  const away = new UpstreamFailure('connection', 'upstream a could not be reached');
  expect(await checked(away)).toMatchObject({ reachable: false, detail: expect.stringContaining('reached') });
  await expect(gatewayOn([]).check('nobody', signal)).rejects.toMatchObject({ code: 'notFound' });
});

test('a turn is a span of kind client under its caller, with model and tokens and without a word of it', async () => {
  const collector = await startCollector();
  const tracing = startTracing({ service: 'doubleblind-llm-gateway', endpoint: collector.endpoint, log: silentLogger });
  const gateway = gatewayOn([scriptedUpstream('scripted', [turn('SECRET', 5)])]);
  const caller = attemptSpan({ runId: 'run', attemptId: 'attempt', epoch: 1 });
  await runUnder(caller, () => gateway.complete(order(gateway.openAttempt(account), 'r'), 'host-1', signal));
  await tracing.stop();
  await collector.stop();
  const [span] = collector.spans;
  expect(span).toMatchObject({ traceId: caller.traceId, parentSpanId: caller.spanId, kind: 3 });
  const attributes = Object.fromEntries(
    (span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
  );
  expect(span?.name).toBe(`chat ${String(attributes['gen_ai.request.model'])}`);
  expect(attributes).toMatchObject({
    ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'scripted', 'gen_ai.usage.output_tokens': '5' },
  });
  expect(JSON.stringify(collector.spans)).not.toMatch(/SECRET|hello/);
});
