import { expect, test } from 'vitest';
import { handClock } from '../../shared/hand-clock.test-support.ts';
import { watchFullDisk } from './full-disk.ts';
import { openHostBook } from './host-book.ts';

test('a book that cannot be written is a trouble of its host until a write works, or a while has gone by', () => {
  const clock = handClock();
  const whole = openHostBook(':memory:');
  let failure: Error | undefined;
  const confirm: typeof whole.confirm = (sequences) => {
    if (failure !== undefined) throw failure;
    return whole.confirm(sequences);
  };
  const { book, trouble } = watchFullDisk({ ...whole, confirm }, clock);
  expect(trouble()).toBe('');
  failure = new Error('a bug');
  expect(() => book.confirm([1])).toThrow('a bug');
  expect(trouble()).toBe('');
  failure = new Error('cannot write', { cause: new Error('database or disk is full') });
  expect(() => book.confirm([1])).toThrow('cannot write');
  expect(trouble()).toContain('the disk of this host is full');
  clock.advance(29_000);
  expect(trouble()).not.toBe('');
  clock.advance(2000);
  expect(trouble()).toBe('');
  expect(() => book.confirm([1])).toThrow('cannot write');
  failure = undefined;
  book.confirm([1]);
  expect(trouble()).toBe('');
  book.close();
});
