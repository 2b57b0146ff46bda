import { expect, test, vi } from 'vitest';
import type { Clock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { createFakeGpus } from './gpu/fake-gpus.ts';
import { watchSlots } from './slot-watch.ts';

/** A clock whose next timer fires when told. */
function tickingClock(): Clock & { tick(): void } {
  let next: (() => void) | undefined;
  return {
    monotonicMs: () => 0,
    now: () => new Date(0),
    after(_ms, fn) {
      next = fn;
      return {
        cancel: () => {
          next = undefined;
        },
      };
    },
    tick: () => next?.(),
  };
}

test('a host without GPUs offers CPU slots, one with GPUs offers those', async () => {
  const clock = tickingClock();
  const none = await watchSlots({ gpus: createFakeGpus(0), cpuCount: 2, clock, log: silentLogger });
  expect(none.slots().map((slot) => slot.slotId)).toEqual(['cpu-0', 'cpu-1']);
  const some = await watchSlots({ gpus: createFakeGpus(1), cpuCount: 2, clock, log: silentLogger });
  expect(some.slots()).toMatchObject([{ kind: 'gpu', deviceName: 'Fake GPU', health: 'healthy' }]);
  some.stop();
});

test('a lost GPU is unusable for good, a driver that does not answer is a warning', async () => {
  const clock = tickingClock();
  const gpus = createFakeGpus(2);
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, log: silentLogger });
  const changes = vi.fn();
  watch.onChange(changes);
  const health = (): string[] => watch.slots().map((slot) => slot.health);
  gpus.fail('the driver hangs');
  clock.tick();
  await vi.waitFor(() => expect(health()).toEqual(['warning', 'warning']));
  gpus.fail(undefined);
  gpus.lose(watch.slots()[0]?.slotId ?? '');
  await vi.waitFor(() => {
    clock.tick();
    expect(health()).toEqual(['unusable', 'healthy']);
  });
  expect(watch.slots()[0]?.healthReason).toContain('fallen off the bus');
  expect(changes).toHaveBeenCalledTimes(2);
  watch.stop();
});

test('a device that still holds memory when nothing runs on it is quarantined until it is free', async () => {
  let nowMs = 0;
  let probe = (): void => undefined;
  // Every short wait is over at once, and takes its time; probes come when they are told to.
  const clock: Clock = {
    monotonicMs: () => nowMs,
    now: () => new Date(0),
    after(ms, fn) {
      if (ms >= 4000) {
        probe = fn;
        return { cancel: () => undefined };
      }
      nowMs += ms;
      queueMicrotask(fn);
      return { cancel: () => undefined };
    },
  };
  const gpus = createFakeGpus(2);
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, log: silentLogger });
  const changes = vi.fn();
  watch.onChange(changes);
  const [first, second] = watch.slots().map((slot) => slot.slotId);
  if (first === undefined || second === undefined) throw new Error('no slots');
  gpus.set(first, { usedMemoryBytes: 100 * 2 ** 20 });
  await watch.idle(first);
  gpus.set(first, { usedMemoryBytes: 3 * 2 ** 30 });
  await expect(watch.idle(first)).rejects.toThrow('3.0 GiB of its memory are in use though nothing runs here');
  expect(nowMs).toBeGreaterThanOrEqual(10_000);
  await watch.idle(second);
  expect(watch.slots().map((slot) => slot.health)).toEqual(['unusable', 'healthy']);
  expect(changes).toHaveBeenCalledTimes(1);
  gpus.set(first, { usedMemoryBytes: 0 });
  probe();
  await vi.waitFor(() => expect(watch.slots()[0]?.health).toBe('healthy'));
  expect(changes).toHaveBeenCalledTimes(2);
  watch.stop();
});
