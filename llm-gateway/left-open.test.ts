import { expect, test, vi } from 'vitest';
import { silentLogger } from '../shared/log.ts';
import type { Account } from './book.ts';
import { createLeftOpen } from './left-open.ts';

const account: Account = {
  ...{ runId: 'run', attemptId: 'attempt', epoch: 1, host: 'host-1', dollars: 0, outputTokens: 0 },
  ...{ runDollars: 0, runOutputTokens: 0, closed: false },
};

test('what could not be cut off is cut off once, as soon as it can be', () => {
  const cut = vi.fn();
  const left = createLeftOpen({ cut }, silentLogger);
  cut.mockImplementationOnce(() => {
    throw new Error('database or disk is full');
  });
  left.cutOff(account, 'r1');
  left.settle();
  left.settle();
  expect(cut.mock.calls).toEqual([
    [account, 'r1'],
    [account, 'r1'],
  ]);
});

test('a repeat takes over what it left open: nothing cuts off its own reservation', () => {
  const cut = vi.fn();
  const left = createLeftOpen({ cut }, silentLogger);
  cut.mockImplementationOnce(() => {
    throw new Error('database or disk is full');
  });
  left.cutOff(account, 'r1');
  left.begin(account, 'r1');
  left.settle();
  expect(cut).toHaveBeenCalledTimes(2);
});
