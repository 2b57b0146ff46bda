import { expect, test } from 'vitest';
import { delay, systemClock } from './clock.ts';

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
