// Many calls at once for what is left of a budget. Runs among the attacks too (test/attacks/budgets).

import { expect, test } from 'vitest';
import { openBook } from './book.ts';
import { account, gatewayOn, greedy, order, race, signal } from './testing/raced-gateway.ts';

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
