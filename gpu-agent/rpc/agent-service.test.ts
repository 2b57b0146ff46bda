import { expect, test } from 'vitest';
import type { CallContext } from '../../shared/rpc/handlers.ts';
import type { Agent } from '../agent.ts';
import { agentHandlers } from './agent-service.ts';

test('a book that cannot be written to refuses receipts and no renewal', async () => {
  const confirmed: (readonly number[])[] = [];
  const agent = {
    renew: () => [],
    describe: () => ({ bootId: 'boot' }),
    confirm(sequences: readonly number[]) {
      confirmed.push(sequences);
      if (sequences.includes(13)) throw new Error('database or disk is full');
    },
  } as unknown as Agent;
  const renew = async (sequences: number[]) => {
    const request = { attempts: [], leaseTtlMs: 1000, guidance: [], confirmed: sequences };
    return await agentHandlers(agent).renewLeases(request, {} as CallContext);
  };
  expect(await renew([12])).toEqual({ unknown: [], bootId: 'boot', receiptsTaken: true });
  expect(await renew([13])).toEqual({ unknown: [], bootId: 'boot', receiptsTaken: false });
  // Most renewals carry none, and then nothing is asked of the book.
  expect(await renew([])).toMatchObject({ receiptsTaken: true });
  expect(confirmed).toEqual([[12], [13]]);
});
