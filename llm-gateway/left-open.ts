// Turns that were given up, and could not be written down as cut off because the disk was full. What is open in the book and under way
// with nobody would be waited for in vain by every turn that shares a budget with it, so it is cut off before anything is reserved.

import type { Logger } from '../shared/log.ts';
import type { Account, Book } from './book.ts';

export interface LeftOpen {
  /** The turn is given up: what it had reserved is its cost, at once or as soon as the book can be written. Throws nothing. */
  cutOff(account: Account, requestId: string): void;
  /** The turn is about to be asked for again: what it left open is cut off now. Throws where the book cannot be written. */
  begin(account: Account, requestId: string): void;
  /** Cuts off all that is left. Throws where the book cannot be written. */
  settle(): void;
}

export function createLeftOpen(book: Pick<Book, 'cut'>, log: Logger): LeftOpen {
  const left = new Map<string, { readonly account: Account; readonly requestId: string }>();
  const keyOf = ({ attemptId, epoch }: Account, requestId: string): string => `${attemptId}\n${epoch}\n${requestId}`;
  return {
    cutOff(account, requestId) {
      try {
        book.cut(account, requestId);
      } catch (error) {
        left.set(keyOf(account, requestId), { account, requestId });
        log.warn({ error, attemptId: account.attemptId }, 'a turn that was given up stays open in the book for now');
      }
    },
    begin(account, requestId) {
      book.cut(account, requestId);
      left.delete(keyOf(account, requestId));
    },
    settle() {
      for (const [key, { account, requestId }] of left) {
        book.cut(account, requestId);
        left.delete(key);
      }
    },
  };
}
