import { expect, test } from 'vitest';
import { type Clock, delay, nextBeatMs, onBeat, systemClock } from './clock.ts';

test('a delay runs its full time unless it is aborted', async () => {
  expect(await delay(systemClock, 5)).toBe(true);
  const controller = new AbortController();
  const waiting = delay(systemClock, 60_000, controller.signal);
  controller.abort();
  expect(await waiting).toBe(false);
  expect(await delay(systemClock, 60_000, controller.signal)).toBe(false);
});

test('a cancelled timer does not fire, and a very long one does not fire at once', async () => {
  const fired: string[] = [];
  systemClock.after(1, () => fired.push('cancelled')).cancel();
  const long = systemClock.after(1e12, () => fired.push('long'));
  await delay(systemClock, 10);
  expect(fired).toEqual([]);
  long.cancel();
  const earlier = systemClock.monotonicMs();
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(earlier);
});

test('beats keep their phase however late one is noticed, and miss rather than make up', () => {
  expect(nextBeatMs(1000, 100, 1000)).toBe(1100);
  expect(nextBeatMs(1000, 100, 1040)).toBe(1100);
  expect(nextBeatMs(1000, 100, 1370)).toBe(1400);
  // A timer that fires a little early is the beat; one that fires for another reason is not.
  expect(nextBeatMs(1000, 100, 999.5)).toBe(1100);
  expect(nextBeatMs(1000, 100, 950)).toBe(1000);
});

test('a beat begins at once, goes on, and ends when it is cancelled, also by itself', () => {
  let [nowMs, due] = [0, undefined as (() => void) | undefined];
  const waits: number[] = [];
  const clock: Clock = {
    monotonicMs: () => nowMs,
    now: () => new Date(nowMs),
    after(ms, fn) {
      waits.push(ms);
      due = fn;
      return { cancel: () => (due = undefined) };
    },
  };
  let beats = 0;
  const beating = onBeat(clock, 100, () => (beats += 1));
  for (const at of [100, 230, 300]) {
    nowMs = at;
    due?.();
  }
  expect([beats, waits]).toEqual([4, [100, 100, 70, 100]]);
  beating.cancel();
  expect(due).toBeUndefined();
});
