import { expect, test } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { newLimiter } from '../../shared/limiter.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { retry } from './retry.ts';

/** Waits take no time. */
const hasty: Clock = {
  monotonicMs: () => 0,
  now: () => new Date(0),
  after: (_, act) => {
    queueMicrotask(act);
    return { cancel: () => undefined };
  },
};

function trying(failures: unknown[], wanted: () => boolean = () => true) {
  let tries = 0;
  const work = (): Promise<string> => {
    const failure = failures[tries];
    tries += 1;
    return failure === undefined ? Promise.resolve('done') : Promise.reject(failure);
  };
  const { signal } = new AbortController();
  const result = retry({ work, isWanted: wanted, clock: hasty, random: () => 0, signal, onRetry: () => undefined });
  return { result, tries: () => tries };
}

test('a peer that is away is tried until it is back', async () => {
  const { result, tries } = trying(Array.from({ length: 50 }, () => new RpcFault('unavailable', 'away')));
  expect(await result).toEqual({ kind: 'done', value: 'done' });
  expect(tries()).toBe(51);
});

test('a refusal is final at once, a surprise after a few tries', async () => {
  const refused = trying([new RpcFault('invalidArgument', 'no')]);
  expect(await refused.result).toMatchObject({ kind: 'refused' });
  expect(refused.tries()).toBe(1);
  const surprised = trying(Array.from({ length: 50 }, () => new Error('what?')));
  expect(await surprised.result).toMatchObject({ kind: 'refused', error: { message: 'what?' } });
  expect(surprised.tries()).toBe(5);
});

test('a peer whose disk is full is asked until somebody has made room', async () => {
  const full = new RpcFault('internal', 'the disk of this daemon is full', { reason: 'diskFull' });
  const { result, tries } = trying(Array.from({ length: 50 }, () => full));
  expect(await result).toEqual({ kind: 'done', value: 'done' });
  expect(tries()).toBe(51);
});

test('nothing is tried once nobody wants it', async () => {
  let asked = 0;
  const { result, tries } = trying([new RpcFault('unavailable', 'away')], () => {
    asked += 1;
    return asked === 1;
  });
  expect(await result).toEqual({ kind: 'unwanted' });
  expect(tries()).toBe(1);
});

test('a limiter lets in as many as there is room for, in order', async () => {
  const limiter = newLimiter(2);
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const entered: number[] = [];
  const all = gates.map((gate, index) =>
    limiter.run(async () => {
      entered.push(index);
      await gate.promise;
    }),
  );
  await Promise.resolve();
  expect(entered).toEqual([0, 1]);
  gates[1]?.resolve();
  await all[1];
  await Promise.resolve();
  expect(entered).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(all);
  expect(entered).toEqual([0, 1, 2, 3]);
});
