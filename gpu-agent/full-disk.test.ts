import { expect, test } from 'vitest';
import { handClock } from '../shared/hand-clock.test-support.ts';
import { watchFullDisk } from './full-disk.ts';
import { openHostBook } from './outbox/host-book.ts';

function watched() {
  const clock = handClock();
  const whole = openHostBook(':memory:');
  const disk: { failure: Error | undefined; isFull: boolean } = { failure: undefined, isFull: false };
  const confirm: typeof whole.confirm = (sequences) => {
    if (disk.failure !== undefined) throw disk.failure;
    return whole.confirm(sequences);
  };
  const tryWrite = (): void => {
    if (disk.isFull) throw new Error('ENOSPC');
  };
  return { ...watchFullDisk({ book: { ...whole, confirm }, clock, tryWrite }), clock, disk };
}

test('a book that cannot be written is a trouble of its host until so much can be written as an attempt needs', () => {
  const { book, trouble, clock, disk } = watched();
  disk.failure = new Error('a bug');
  expect(() => book.confirm([1])).toThrow('a bug');
  expect(trouble()).toBe('');
  disk.failure = new Error('cannot write', { cause: new Error('database or disk is full') });
  disk.isFull = true;
  expect(() => book.confirm([1])).toThrow('cannot write');
  expect(trouble()).toContain('the disk of this host is full');
  disk.failure = undefined;
  book.confirm([1]);
  clock.advance(31_000);
  expect(trouble()).not.toBe('');
  disk.isFull = false;
  clock.advance(29_000);
  expect(trouble()).not.toBe('');
  clock.advance(2000);
  expect(trouble()).toBe('');
});

test('what else fails for want of room counts as well', () => {
  const { note, trouble } = watched();
  note(new Error('no such file'));
  expect(trouble()).toBe('');
  note(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  expect(trouble()).toContain('full');
});
