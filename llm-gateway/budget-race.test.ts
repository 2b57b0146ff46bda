// Many calls at once for what is left of a budget. Runs among the attacks too (test/attacks/budgets).

import { expect, test } from 'vitest';
import type { CompletionOrder } from './answer.ts';
import { openBook, type RecordedTurn } from './book.ts';
import { account, gatewayOn, greedy, order, race, signal } from './testing/raced-gateway.ts';
import { scriptedUpstream, turn } from './testing/scripted-upstream.ts';
import type { ChatMessage, Turn } from './upstream/upstream.ts';

test('64 calls at 99 % of a run budget of dollars overspend by nothing', async () => {
  const book = openBook(':memory:');
  const gateway = gatewayOn([greedy(10)], { book });
  const spender = gateway.openAttempt({ ...account, runDollars: 1, dollars: 0.99 });
  for (let calls = 0; book.spentByRun('run').dollars < 0.985; calls += 1) {
    await gateway.complete({ ...order(spender, `s${calls}`), maxOutputTokens: 4000 }, 'host-1', signal);
  }
  const ends = await race(gateway, 64, { dollars: 1, outputTokens: 0 });
  expect(book.spentByRun('run').dollars).toBeLessThanOrEqual(1);
  expect(book.spentByRun('run').dollars).toBeGreaterThan(0.99);
  const refused = ends.filter((end) => end.status === 'rejected').map((end) => end.reason as unknown);
  expect(refused.length).toBeGreaterThan(60);
  for (const reason of refused) expect(reason).toMatchObject({ reason: 'budgetSpent', metadata: { scope: 'run' } });
});

test('64 calls at once overspend a run budget of tokens by nothing, and a host its share by nothing', async () => {
  const book = openBook(':memory:');
  const perHost = { dollars: 0, outputTokens: 3000 };
  const gateway = gatewayOn([greedy(10)], { book, budgets: { perHost } });
  await race(gateway, 64, { dollars: 0, outputTokens: 10_000 });
  expect(book.spentByRun('run').outputTokens).toBe(10_000);
  for (const index of [0, 1, 2, 3])
    expect(book.spentByHost('run', `host-${index}`).outputTokens).toBeLessThanOrEqual(3000);
});

test('while turns wait for room, one request id stands for one turn: another content is refused, a repeat shares the answer', async () => {
  const book = openBook(':memory:');
  const { promise, resolve } = Promise.withResolvers<Turn>();
  const upstream = scriptedUpstream('dear', [promise, turn('x', 2000)], { dollarsPerMillion: 100 });
  const gateway = gatewayOn([upstream], { book });
  const token = gateway.openAttempt({ ...account, runDollars: 0.81 });
  const ask = async (requestId: string, seed: number): Promise<RecordedTurn> =>
    await gateway.complete({ ...order(token, requestId), seed, maxOutputTokens: 8000 }, 'host-1', signal);
  const opener = ask('opener', 1);
  const ends = Promise.allSettled(
    [1, 1, ...Array.from({ length: 49 }, (_, index) => index + 2)].map((seed) => ask('same', seed)),
  );
  resolve(turn('x', 1000));
  await opener;
  const [first, repeat, ...others] = await ends;
  expect([first?.status, repeat]).toEqual(['fulfilled', first]);
  for (const other of others) {
    expect(other).toMatchObject({ reason: { code: 'invalidArgument', reason: 'requestIdReused' } });
  }
  expect(upstream.asked).toHaveLength(2);
  expect(book.spentByRun('run').dollars).toBeCloseTo(0.32);
});

const long = 'x'.repeat(400_000);
const parts: readonly [string, (turn: CompletionOrder) => CompletionOrder][] = [
  ['a schema for the answer', (turn) => ({ ...turn, answerSchemaJson: JSON.stringify({ title: long }) })],
  ['a tool’s name', (turn) => ({ ...turn, tools: [{ name: long, description: '', parametersJson: '{}' }] })],
  ['a call’s id', (turn) => withMessage(turn, { toolCalls: [{ id: long, name: 'bash', argumentsJson: '{}' }] })],
  ['the id of an answered call', (turn) => withMessage(turn, { role: 'tool', toolCallId: long })],
  ['text of more tokens than ASCII has', (turn) => withMessage(turn, { content: '漢'.repeat(200_000) })],
];

function withMessage(turn: CompletionOrder, fields: Partial<ChatMessage>): CompletionOrder {
  const message: ChatMessage = { role: 'assistant', content: '', toolCalls: [], toolCallId: '', ...fields };
  return { ...turn, messages: [...turn.messages, message] };
}

test.each(parts)('%s is counted before a turn is paid for', async (_, hide) => {
  const upstream = scriptedUpstream('dear', [turn('x')], { dollarsPerMillion: 10 });
  const gateway = gatewayOn([upstream]);
  const token = gateway.openAttempt({ ...account, runDollars: 1 });
  await gateway.complete(order(token, 'small'), 'host-1', signal);
  expect(upstream.asked).toHaveLength(1);
  const dear = gateway.complete(hide({ ...order(token, 'large'), maxOutputTokens: 300 }), 'host-1', signal);
  await expect(dear).rejects.toMatchObject({ reason: 'budgetSpent' });
  expect(upstream.asked).toHaveLength(1);
});
