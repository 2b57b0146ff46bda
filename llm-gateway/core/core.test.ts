import { expect, test } from 'vitest';
import { admitCall, afterCall, type Breaker, closedBreaker } from './breaker.ts';
import { type Budget, priceOf, reserve } from './budget.ts';
import { decideRetry, type FailureKind } from './retry.ts';
import { type Offer, route } from './route.ts';

const price = { inputDollarsPerMillion: 3, outputDollarsPerMillion: 15 };
const turn = { inputCharacters: 30_000, outputTokens: 1000 };
const budget = (limits: Budget['limits'], spent: Budget['spent'], scope: Budget['scope'] = 'attempt'): Budget => ({
  scope,
  limits,
  spent,
});
const nothing = { dollars: 0, outputTokens: 0 };

test('a turn reserves its price by an estimate on the dear side', () => {
  const reserved = reserve([budget({ dollars: 1, outputTokens: 0 }, nothing)], turn, price);
  expect(reserved).toEqual({
    ok: true,
    value: { dollars: priceOf(price, 10_000, 1000), outputTokens: 1000, capped: true },
  });
});

test('a turn whose question alone does not fit is refused before it is asked for', () => {
  const reserved = reserve([budget({ dollars: 1, outputTokens: 0 }, { dollars: 0.99, outputTokens: 0 })], turn, price);
  expect(reserved).toEqual({ ok: false, error: { scope: 'attempt', budget: 'dollars', limit: 1, spent: 0.99 } });
});

test('the last turn is capped to what is left of dollars or tokens, and the next is refused', () => {
  const tokens = { dollars: 0, outputTokens: 5000 };
  const last = reserve([budget(tokens, { dollars: 0, outputTokens: 4600 })], turn, price);
  expect(last).toMatchObject({ ok: true, value: { outputTokens: 400, capped: true } });
  expect(reserve([budget(tokens, { dollars: 0, outputTokens: 5000 })], turn, price).ok).toBe(false);
  const money = reserve([budget({ dollars: 1, outputTokens: 0 }, { dollars: 0.962, outputTokens: 0 })], turn, price);
  expect(money.ok && money.value.outputTokens).toBe(533);
  expect(money.ok && money.value.dollars).toBeLessThanOrEqual(1 - 0.962);
});

test('a turn is not paid for with so few tokens left that it could not hold a tool call', () => {
  const left = (tokens: number) => [
    budget({ dollars: 0, outputTokens: 5000 }, { dollars: 0, outputTokens: 5000 - tokens }, 'run'),
  ];
  expect(reserve(left(256), turn, price)).toMatchObject({ ok: true, value: { outputTokens: 256 } });
  expect(reserve(left(255), turn, price)).toEqual({
    ok: false,
    error: { scope: 'run', budget: 'outputTokens', limit: 5000, spent: 4745 },
  });
  // One that asks for fewer needs no more than it asks for.
  expect(reserve(left(3), { ...turn, outputTokens: 3 }, price)).toMatchObject({ ok: true, value: { outputTokens: 3 } });
  expect(reserve(left(2), { ...turn, outputTokens: 3 }, price).ok).toBe(false);
});

test('of several budgets the tightest decides, and a refusal names it', () => {
  const wide = budget({ dollars: 10, outputTokens: 0 }, nothing);
  const run = budget({ dollars: 5, outputTokens: 0 }, { dollars: 4.999, outputTokens: 0 }, 'run');
  expect(reserve([wide, run], turn, price)).toMatchObject({ ok: false, error: { scope: 'run', limit: 5 } });
});

test('no limit means no refusal and no cap', () => {
  const reserved = reserve([budget({ dollars: 0, outputTokens: 0 }, { dollars: 1e6, outputTokens: 1e9 })], turn, price);
  expect(reserved).toMatchObject({ ok: true, value: { outputTokens: 1000, capped: false } });
});

test('a breaker opens after failures in a row, lets one call try after a while, and closes with its answer', () => {
  const rule = { failures: 3, coolDownMs: 100 };
  let breaker: Breaker = closedBreaker;
  for (let count = 0; count < 3; count += 1) breaker = afterCall(breaker, false, 0, rule);
  expect(admitCall(breaker, 50, rule)).toEqual({ admitted: false, waitMs: 50 });
  const probe = admitCall(breaker, 100, rule);
  if (!probe.admitted) throw new Error('the probe should be let through');
  expect(admitCall(probe.next, 101, rule).admitted).toBe(false);
  expect(afterCall(probe.next, false, 150, rule)).toEqual({ kind: 'open', untilMs: 250 });
  expect(afterCall(probe.next, true, 150, rule)).toEqual(closedBreaker);
});

test('an answer between failures keeps a breaker closed, and failures of calls sent before it opened say nothing new', () => {
  const rule = { failures: 2, coolDownMs: 100 };
  const once = afterCall(closedBreaker, false, 0, rule);
  expect(afterCall(afterCall(once, true, 1, rule), false, 2, rule)).toEqual({ kind: 'closed', failures: 1 });
  const open = afterCall(once, false, 10, rule);
  expect(afterCall(open, false, 90, rule)).toEqual(open);
});

const limits = { tries: 3, baseMs: 100, capMs: 1000, longestRetryAfterMs: 60_000 };
const failure = (kind: FailureKind, retryAfterMs = 0) => ({ kind, retryAfterMs });

test.each(['rateLimited', 'overloaded', 'timeout', 'connection', 'malformed'] as const)(
  '%s is tried again, then elsewhere',
  (kind) => {
    expect(decideRetry(failure(kind), 1, limits, 0.5)).toEqual({ kind: 'retry', afterMs: 75 });
    expect(decideRetry(failure(kind), 2, limits, 0.5)).toEqual({ kind: 'retry', afterMs: 150 });
    expect(decideRetry(failure(kind), 3, limits, 0.5)).toEqual({ kind: 'nextUpstream' });
  },
);

test('a wait that the upstream states is never cut short, and one that is too long moves on', () => {
  for (const random of [0, 0.5, 0.999]) {
    const decision = decideRetry(failure('rateLimited', 5000), 1, limits, random);
    expect(decision.kind === 'retry' && decision.afterMs).toBeGreaterThanOrEqual(5000);
  }
  expect(decideRetry(failure('rateLimited', 61_000), 1, limits, 0)).toEqual({ kind: 'nextUpstream' });
});

test('what no retry can mend is not retried', () => {
  expect(decideRetry(failure('refused'), 1, limits, 0)).toEqual({ kind: 'giveUp' });
  expect(decideRetry(failure('contextTooLong'), 1, limits, 0)).toEqual({ kind: 'giveUp' });
  expect(decideRetry(failure('unauthorised'), 1, limits, 0)).toEqual({ kind: 'nextUpstream' });
});

const offer = (upstream: string, model: string): Offer => ({
  ...price,
  upstream,
  model,
  languageModel: true,
  contextTokens: 1000,
  maxOutputTokens: 100,
  priceKnown: true,
});
const offers = [offer('first', 'large'), offer('first', 'small'), offer('second', 'large')];

test('the first model configured answers where none is asked for, with fallbacks to the same model only', () => {
  expect(route(offers, '')).toEqual({ kind: 'found', offers: [offers[0], offers[2]] });
  expect(route(offers, 'small')).toEqual({ kind: 'found', offers: [offers[1]] });
});

test('an unknown model is refused with the names that exist', () => {
  expect(route(offers, 'medium')).toEqual({ kind: 'unknown', known: ['large', 'small'] });
});
