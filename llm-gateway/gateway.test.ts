import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import type { CompletionOrder } from './answer.ts';
import { type Book, openBook } from './book.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { scriptedUpstream as scripted, turn } from './testing/scripted-upstream.ts';
import { type Turn, type Upstream, UpstreamFailure } from './upstream/upstream.ts';

const retry = { tries: 3, baseMs: 1, capMs: 2, longestRetryAfterMs: 1000 };
const noLimits = { dollars: 0, outputTokens: 0 };
const noRunLimits = { runDollars: 0, runOutputTokens: 0 };
const tokenSecret = Buffer.alloc(32, 7);

function gatewayOn(book: Book, ...upstreams: Upstream[]): Gateway {
  return createGateway({
    book,
    upstreams,
    retry,
    breaker: { failures: 100, coolDownMs: 1000 },
    budgets: { perRun: noLimits, perHost: noLimits, perAttempt: noLimits },
    tokenSecret,
    clock: systemClock,
    log: silentLogger,
    random: () => 0.5,
  });
}

const bookPath = (): string => join(mkdtempSync(join(tmpdir(), 'gateway-')), 'gateway.sqlite');
const account = {
  runId: 'run',
  attemptId: 'attempt',
  epoch: 1,
  host: 'host-1',
  ...noRunLimits,
  dollars: 0,
  outputTokens: 0,
};
const signal = new AbortController().signal;

function order(token: string, requestId: string, content = 'hello'): CompletionOrder {
  const messages = [{ role: 'user' as const, content, toolCalls: [], toolCallId: '' }];
  return { token, requestId, model: '', messages, tools: [], seed: 1, maxOutputTokens: 0 };
}

test('a repeat of a request is answered from the record, also after a restart', async () => {
  const path = bookPath();
  const upstream = scripted('a', [turn('one'), turn('two')]);
  const book = openBook(path);
  const token = gatewayOn(book, upstream).openAttempt(account);
  const first = await gatewayOn(book, upstream).complete(order(token, 'r1'), 'host-1', signal);
  book.stop();
  const reopened = openBook(path);
  const again = await gatewayOn(reopened, upstream).complete(order(token, 'r1'), 'host-1', signal);
  expect(again).toEqual(first);
  expect(upstream.asked).toHaveLength(1);
  expect(reopened.totals('attempt')).toMatchObject({ turns: 1, outputTokens: 10 });
});

test('a request id that is used for another turn is refused', async () => {
  const gateway = gatewayOn(openBook(':memory:'), scripted('a', [turn('one')]));
  const token = gateway.openAttempt(account);
  await gateway.complete(order(token, 'r1'), 'host-1', signal);
  expect(() => gateway.complete(order(token, 'r1', 'other'), 'host-1', signal)).toThrow(/used for another turn/);
});

test('repeats that come while the first is under way share its answer and its cost', async () => {
  const { promise, resolve } = Promise.withResolvers<Turn>();
  const upstream = scripted('a', [promise]);
  const gateway = gatewayOn(openBook(':memory:'), upstream);
  const token = gateway.openAttempt(account);
  const both = [1, 2].map(() => gateway.complete(order(token, 'r1'), 'host-1', signal));
  resolve(turn('one'));
  const [first, second] = await Promise.all(both);
  expect(first).toEqual(second);
  expect(upstream.asked).toHaveLength(1);
});

test('a turn goes on when its caller goes away, and the repeat gets its answer', async () => {
  const { promise, resolve } = Promise.withResolvers<Turn>();
  const upstream = scripted('a', [promise]);
  const gateway = gatewayOn(openBook(':memory:'), upstream);
  const token = gateway.openAttempt(account);
  const caller = new AbortController();
  const left = gateway.complete(order(token, 'r1'), 'host-1', caller.signal);
  caller.abort();
  await expect(left).rejects.toMatchObject({ code: 'cancelled' });
  const again = gateway.complete(order(token, 'r1'), 'host-1', signal);
  resolve(turn('one'));
  expect((await again).turn.message.content).toBe('one');
  expect(upstream.asked).toHaveLength(1);
});

test('opening an attempt again gives the same token; an older epoch is refused; a newer one ends the old token', async () => {
  const gateway = gatewayOn(openBook(':memory:'), scripted('a', [turn('one')]));
  const token = gateway.openAttempt({ ...account, epoch: 2 });
  expect(gateway.openAttempt({ ...account, epoch: 2 })).toBe(token);
  expect(() => gateway.openAttempt(account)).toThrow(
    expect.objectContaining({ code: 'failedPrecondition', reason: 'staleEpoch' }),
  );
  const newer = gateway.openAttempt({ ...account, epoch: 3 });
  expect(newer).not.toBe(token);
  expect(() => gateway.complete(order(token, 'r1'), 'host-1', signal)).toThrow(/closed/);
  await gateway.complete(order(newer, 'r1'), 'host-1', signal);
});

test('a token serves the host of its account only, and not after closing', () => {
  const gateway = gatewayOn(openBook(':memory:'), scripted('a', [turn('one')]));
  const token = gateway.openAttempt(account);
  const denied = expect.objectContaining({ code: 'permissionDenied', reason: 'wrongToken' });
  expect(() => gateway.complete(order(token, 'r1'), 'host-2', signal)).toThrow(denied);
  expect(() => gateway.complete(order('dbt_guess', 'r1'), 'host-1', signal)).toThrow(denied);
  gateway.closeAttempt(account);
  gateway.closeAttempt(account);
  expect(() => gateway.complete(order(token, 'r1'), 'host-1', signal)).toThrow(/closed/);
});

test('nothing is asked for once the account is closed, not even what a turn under way would try again', async () => {
  const book = openBook(':memory:');
  const { promise, reject } = Promise.withResolvers<Turn>();
  const upstream = scripted('a', [promise, turn('late')]);
  const gateway = gatewayOn(book, upstream);
  const token = gateway.openAttempt(account);
  const answer = gateway.complete(order(token, 'r1'), 'host-1', signal);
  await vi.waitFor(() => expect(upstream.asked).toHaveLength(1));
  gateway.closeAttempt(account);
  reject(new UpstreamFailure('overloaded', 'busy', { billed: { inputTokens: 7, outputTokens: 3 } }));
  await expect(answer).rejects.toMatchObject({ code: 'failedPrecondition', reason: 'accountClosed' });
  expect(upstream.asked).toHaveLength(1);
  expect(book.totals('attempt')).toMatchObject({ turns: 0, inputTokens: 7, outputTokens: 3 });
});

test('a turn that waits for its provider is not asked for once its account is closed, and costs nothing', async () => {
  const book = openBook(':memory:');
  const { promise, resolve } = Promise.withResolvers<Turn>();
  const upstream = { ...scripted('a', [promise, turn('late')]), concurrency: 1 };
  const gateway = gatewayOn(book, upstream);
  const first = gateway.complete(order(gateway.openAttempt(account), 'r1'), 'host-1', signal);
  const other = { ...account, attemptId: 'other' };
  const second = gateway.complete(order(gateway.openAttempt(other), 'r1'), 'host-1', signal);
  gateway.closeAttempt(other);
  resolve(turn('one'));
  await first;
  await expect(second).rejects.toMatchObject({ reason: 'accountClosed' });
  expect(upstream.asked).toHaveLength(1);
  expect(book.totals('other')).toMatchObject({ dollars: 0, outputTokens: 0 });
});

test('what a full disk left open of a turn is cut off as soon as it can be, and nobody waits for it', async () => {
  const whole = openBook(':memory:');
  let isFull = false;
  const cut: typeof whole.cut = (...given) => {
    if (isFull) throw new Error('database or disk is full');
    whole.cut(...given);
  };
  const settle: typeof whole.settle = (...given) => {
    isFull = given[1] === 'r1';
    if (isFull) throw new Error('database or disk is full');
    whole.settle(...given);
  };
  const upstream = scripted('a', [turn('one'), turn('two')], { dollarsPerMillion: 100 });
  const gateway = gatewayOn({ ...whole, cut, settle }, upstream);
  const token = gateway.openAttempt({ ...account, runDollars: 0.42 });
  await expect(gateway.complete(order(token, 'r1'), 'host-1', signal)).rejects.toThrow('disk is full');
  isFull = false;
  // What was reserved for the first leaves no room for the second: it is refused, and does not wait.
  await expect(gateway.complete(order(token, 'r2'), 'host-1', signal)).rejects.toMatchObject({ reason: 'budgetSpent' });
  expect(whole.spentByRun('run')).toMatchObject({ openDollars: 0, dollars: expect.closeTo(0.41, 2) });
});

test('turns are refused when the budget is used up, and the refusal says which', async () => {
  const gateway = gatewayOn(openBook(':memory:'), scripted('a', [turn('one', 300)]));
  const token = gateway.openAttempt({ ...account, outputTokens: 600 });
  await gateway.complete(order(token, 'r1'), 'host-1', signal);
  await gateway.complete(order(token, 'r2'), 'host-1', signal);
  await expect(gateway.complete(order(token, 'r3'), 'host-1', signal)).rejects.toMatchObject({
    code: 'resourceExhausted',
    reason: 'budgetSpent',
    metadata: { budget: 'outputTokens', limit: '600', spent: '600' },
  });
});

test('a turn that a crash cut off keeps its reservation as cost and may be asked again', async () => {
  const path = bookPath();
  const never = new Promise<Turn>(() => undefined);
  const crashed = openBook(path);
  const silent = scripted('a', [never], { dollarsPerMillion: 100 });
  const gateway = gatewayOn(crashed, silent);
  const token = gateway.openAttempt({ ...account, dollars: 5 });
  void gateway.complete(order(token, 'r1'), 'host-1', signal);
  await vi.waitFor(() => expect(silent.asked).toHaveLength(1));
  crashed.stop();
  const reopened = openBook(path);
  const lost = reopened.spent('attempt').dollars;
  expect(lost).toBeGreaterThan(0.4);
  await gatewayOn(reopened, scripted('a', [turn('one')], { dollarsPerMillion: 100 })).complete(
    order(token, 'r1'),
    'host-1',
    signal,
  );
  expect(reopened.totals('attempt')).toMatchObject({ turns: 1 });
  expect(reopened.spent('attempt').dollars).toBeCloseTo(lost + 0.011);
});

test('failures are tried again, then the next upstream with the same model answers', async () => {
  const down = scripted('down', [new UpstreamFailure('overloaded', 'upstream down failed (503)')]);
  const up = scripted('up', [turn('one')]);
  const gateway = gatewayOn(openBook(':memory:'), down, up);
  const token = gateway.openAttempt(account);
  const answer = await gateway.complete(order(token, 'r1'), 'host-1', signal);
  expect(answer.upstream).toBe('up');
  expect(down.asked).toHaveLength(3);
});

test('where no upstream answers, the fault says so, costs nothing, and the same request may be tried again', async () => {
  const book = openBook(':memory:');
  const failing = new UpstreamFailure('connection', 'upstream a could not be reached');
  const upstream = scripted('a', [failing, failing, failing, turn('one')], { dollarsPerMillion: 10 });
  const gateway = gatewayOn(book, upstream);
  const token = gateway.openAttempt(account);
  const asked = gateway.complete(order(token, 'r1'), 'host-1', signal);
  await expect(asked).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('could not be reached'),
  });
  expect(book.spent('attempt').dollars).toBe(0);
  expect((await gateway.complete(order(token, 'r1'), 'host-1', signal)).turn.message.content).toBe('one');
});

test('spend is told by run, attempt and model', async () => {
  const gateway = gatewayOn(openBook(':memory:'), scripted('a', [turn('one')], { dollarsPerMillion: 10 }));
  for (const attemptId of ['one', 'two']) {
    const token = gateway.openAttempt({ ...account, attemptId });
    await gateway.complete(order(token, 'r1'), 'host-1', signal);
  }
  gateway.openAttempt({ ...account, runId: 'other', attemptId: 'three' });
  expect(gateway.spend('run')).toEqual([
    {
      runId: 'run',
      attemptId: 'one',
      model: 'm',
      calls: 1,
      inputTokens: 100,
      outputTokens: 10,
      dollars: expect.closeTo(0.0011),
    },
    {
      runId: 'run',
      attemptId: 'two',
      model: 'm',
      calls: 1,
      inputTokens: 100,
      outputTokens: 10,
      dollars: expect.closeTo(0.0011),
    },
  ]);
  expect(gateway.spend('')).toHaveLength(2);
});
