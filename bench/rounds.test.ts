import { expect, test } from 'vitest';
import { inTurn } from './rounds.ts';

test('every contestant runs once a round, and each round begins with the next of them', async () => {
  const order: string[] = [];
  const contestant = (name: string) => () => {
    order.push(name);
    return Promise.resolve(order.length);
  };
  const measured = await inTurn(2, { ours: contestant('ours'), theirs: contestant('theirs') });
  expect(order).toEqual(['ours', 'theirs', 'theirs', 'ours']);
  expect(measured).toEqual({ ours: [1, 4], theirs: [2, 3] });
});
