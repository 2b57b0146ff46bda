import { expect, test } from 'vitest';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import type { Clock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { type OutboxBook, startOutbox } from './outbox.ts';

/** A clock that only moves when told. */
function manualClock(): Clock & { advance(ms: number): Promise<void> } {
  let nowMs = 0;
  let timers: { atMs: number; fn: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) await Promise.resolve();
  };
  return {
    monotonicMs: () => nowMs,
    now: () => new Date(nowMs),
    after(ms, fn) {
      const timer = { atMs: nowMs + ms, fn };
      timers.push(timer);
      return { cancel: () => (timers = timers.filter((other) => other !== timer)) };
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = timers.filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        nowMs = next.atMs;
        next.fn();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}

function memoryBook(count: number): OutboxBook & { pending: number[] } {
  const book = {
    flush: () => Promise.resolve(),
    isPending: (seq: number) => book.pending.includes(seq),
    pending: Array.from({ length: count }, (_, index) => index + 1),
    pendingEvents: (limit: number) => book.pending.slice(0, limit).map((seq) => ({ seq }) as ResultEvent),
    confirm(sequences: readonly number[]) {
      book.pending = book.pending.filter((seq) => !sequences.includes(seq));
      return sequences.length;
    },
  };
  return book;
}

function rig(count: number) {
  const clock = manualClock();
  const book = memoryBook(count);
  const published: number[] = [];
  const repeats: string[] = [];
  let [away, running, most] = [false, 0, 0];
  const failures: unknown[] = [];
  const outbox = startOutbox({
    book,
    clock,
    log: silentLogger,
    random: () => 1,
    broken: (error) => failures.push(error),
    redeliverMs: 1000,
    maxInFlight: 4,
    publish: async ({ seq }, repeat) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      if (away) throw new Error('away');
      published.push(seq);
      if (repeat > 0) repeats.push(`${seq}:${repeat}`);
    },
  });
  return {
    clock,
    book,
    outbox,
    published,
    repeats,
    failures,
    setAway: (value: boolean) => (away = value),
    most: () => most,
  };
}

test('every event is published, a few at a time, and once until the receipt is overdue', async () => {
  const { clock, outbox, published, most } = rig(10);
  outbox.wake();
  await clock.advance(900);
  expect(published).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(most()).toBe(4);
  outbox.confirm([1, 2, 3, 4, 5, 6, 7, 8]);
  await clock.advance(200);
  expect(published.slice(10)).toEqual([9, 10]);
});

test('what the stream took and nobody confirmed is sent again as a repeat, ever more rarely', async () => {
  const { clock, outbox, repeats } = rig(1);
  outbox.wake();
  await clock.advance(7500);
  expect(repeats).toEqual(['1:1', '1:2', '1:3']);
  await clock.advance(16_000 * 4);
  expect(repeats).toHaveLength(7);
  outbox.confirm([1]);
  await clock.advance(60_000);
  expect(repeats).toHaveLength(7);
});

test('while the bus is away it is asked ever more rarely, and at once when it is back', async () => {
  const { clock, outbox, published, setAway, book } = rig(1);
  setAway(true);
  outbox.wake();
  await clock.advance(60_000);
  expect(published).toEqual([]);
  expect(book.pending).toEqual([1]);
  setAway(false);
  outbox.busIsBack();
  await clock.advance(1);
  expect(published).toEqual([1]);
});

test('events that come while the bus is away make the next try no later', async () => {
  const { clock, outbox, published, setAway, book } = rig(1);
  setAway(true);
  outbox.wake();
  await clock.advance(0);
  for (let seq = 2; seq <= 9; seq += 1) {
    book.pending.push(seq);
    outbox.wake();
    await clock.advance(1);
  }
  setAway(false);
  // The first pause, whose end the eight others did not put off.
  await clock.advance(200);
  expect(published).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('nothing is published after the stop', async () => {
  const { clock, outbox, published } = rig(1);
  outbox.stop();
  outbox.wake();
  await clock.advance(5000);
  expect(published).toEqual([]);
});

test('nobody hears of an event before it is on the disk, and of none after the disk has failed', async () => {
  const { clock, outbox, published, failures, book } = rig(2);
  const disk = Promise.withResolvers<void>();
  book.flush = () => disk.promise;
  outbox.wake();
  await clock.advance(60_000);
  expect(published).toEqual([]);
  disk.resolve();
  await clock.advance(1);
  expect(published).toEqual([1, 2]);
  const failure = new Error('EIO');
  book.flush = () => Promise.reject(failure);
  book.pending.push(3);
  outbox.wake();
  await clock.advance(60_000);
  expect(published).toEqual([1, 2]);
  expect(failures).toEqual([failure]);
});

test('what is confirmed while it waits for the disk is not published once more', async () => {
  const { clock, outbox, published, book } = rig(1);
  outbox.wake();
  await clock.advance(1);
  const disk = Promise.withResolvers<void>();
  book.flush = () => disk.promise;
  await clock.advance(1000);
  outbox.confirm([1]);
  disk.resolve();
  await clock.advance(60_000);
  expect(published).toEqual([1]);
});
