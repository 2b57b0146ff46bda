import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Clock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { openFailedGpus } from './gpu/failed-gpus.ts';
import { createFakeGpus } from './gpu/fake-gpus.ts';
import type { GpuDevice } from './gpu/gpus.ts';
import { type SlotWatch, watchSlots } from './slot-watch.ts';

const none = (): Promise<ReadonlySet<string>> => Promise.resolve(new Set());

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

/** Every short wait is over at once, and takes its time; looks at the devices come when they are told to. */
function hurriedClock(): Clock & { probe(): void } {
  let nowMs = 0;
  let next = (): void => undefined;
  return {
    monotonicMs: () => nowMs,
    now: () => new Date(0),
    after(ms, fn) {
      if (ms >= 4000) next = fn;
      else {
        nowMs += ms;
        queueMicrotask(fn);
      }
      return { cancel: () => undefined };
    },
    probe: () => next(),
  };
}

test('a host without GPUs offers CPU slots, one with GPUs offers those', async () => {
  const clock = tickingClock();
  const empty = await watchSlots({
    gpus: createFakeGpus(0),
    cpuCount: 2,
    clock,
    heldContainers: none,
    log: silentLogger,
  });
  expect(empty.slots().map((slot) => slot.slotId)).toEqual(['cpu-0', 'cpu-1']);
  const some = await watchSlots({
    gpus: createFakeGpus(1),
    cpuCount: 2,
    clock,
    heldContainers: none,
    log: silentLogger,
  });
  expect(some.slots()).toMatchObject([{ kind: 'gpu', deviceName: 'Fake GPU', health: 'healthy' }]);
  some.stop();
});

test('a lost GPU is unusable for good, a driver that does not answer once is a warning', async () => {
  const clock = tickingClock();
  const gpus = createFakeGpus(2);
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
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

test('where the driver does not answer again nothing new begins, what runs goes on, and all is well when it answers', async () => {
  const clock = tickingClock();
  const gpus = createFakeGpus(1);
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
  const slot = () => watch.slots()[0];
  gpus.fail('Driver/library version mismatch');
  clock.tick();
  await vi.waitFor(() => expect(slot()?.health).toBe('warning'));
  await vi.waitFor(() => {
    clock.tick();
    expect(slot()).toMatchObject({ health: 'unusable', runsOn: true });
  });
  expect(slot()?.healthReason).toContain('version mismatch; nothing new begins until it answers');
  gpus.fail(undefined);
  await vi.waitFor(() => {
    clock.tick();
    expect(slot()).toMatchObject({ health: 'healthy', healthReason: '' });
  });
  expect(slot()).not.toHaveProperty('runsOn');
  watch.stop();
});

test('a GPU of which the kernel tells a failure is unusable at once and for good, whatever nvidia-smi says', async () => {
  const clock = tickingClock();
  const gpus = createFakeGpus(2);
  let tell = (_: { bus: string; code: number }): void => undefined;
  const stopped = vi.fn();
  const faults = {
    listen(onXid: typeof tell) {
      tell = onXid;
      return { stop: stopped };
    },
  };
  const watch = await watchSlots({ gpus, faults, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
  const changes = vi.fn();
  watch.onChange(changes);
  const bus = (await gpus.list())[1]?.bus ?? '';
  tell({ bus, code: 31 });
  expect(changes).not.toHaveBeenCalled();
  tell({ bus, code: 79 });
  expect(changes).toHaveBeenCalledTimes(1);
  const told = (): unknown[] => watch.slots().map(({ health, healthReason }) => [health, healthReason.slice(0, 30)]);
  const expected = [
    ['healthy', ''],
    ['unusable', 'Xid 79: it has fallen off the '],
  ];
  expect(told()).toEqual(expected);
  const list = vi.spyOn(gpus, 'list');
  clock.tick();
  await vi.waitFor(() => expect(list).toHaveBeenCalled());
  expect(told()).toEqual(expected);
  watch.stop();
  expect(stopped).toHaveBeenCalledTimes(1);
});

test('memory that was left before the daemon started is no measure of an idle device', async () => {
  let nowMs = 0;
  const gpus = createFakeGpus(1);
  const [device] = await gpus.list();
  gpus.set(device?.uuid ?? '', { usedMemoryBytes: 30 * 2 ** 30 });
  const clock: Clock = {
    monotonicMs: () => nowMs,
    now: () => new Date(0),
    after(ms, fn) {
      if (ms < 4000) {
        nowMs += ms;
        queueMicrotask(fn);
      }
      return { cancel: () => undefined };
    },
  };
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
  const [slot] = watch.slots();
  if (slot === undefined) throw new Error('no slot');
  const checks = [watch.idle(slot.slotId, true), watch.idle(slot.slotId, false)];
  // The second waits for the first, whose measure it would spoil.
  expect(await Promise.allSettled(checks)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(watch.slots()[0]?.healthReason).toContain('30.0 GiB of its memory are in use');
  // Nothing begins there either way, until a look finds it free.
  await expect(watch.idle(slot.slotId, false)).rejects.toThrow('30.0 GiB of its memory');
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
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
  const changes = vi.fn();
  watch.onChange(changes);
  const [first, second] = watch.slots().map((slot) => slot.slotId);
  if (first === undefined || second === undefined) throw new Error('no slots');
  gpus.set(first, { usedMemoryBytes: 100 * 2 ** 20 });
  await watch.idle(first, true);
  gpus.set(first, { usedMemoryBytes: 3 * 2 ** 30 });
  await expect(watch.idle(first, true)).rejects.toThrow('3.0 GiB of its memory are in use though nothing runs here');
  expect(nowMs).toBeGreaterThanOrEqual(10_000);
  await watch.idle(second, true);
  expect(watch.slots().map((slot) => slot.health)).toEqual(['unusable', 'healthy']);
  expect(changes).toHaveBeenCalledTimes(1);
  gpus.set(first, { usedMemoryBytes: 0 });
  probe();
  await vi.waitFor(() => expect(watch.slots()[0]?.health).toBe('healthy'));
  expect(changes).toHaveBeenCalledTimes(2);
  watch.stop();
});

test('beside an attempt at work, only memory of processes counts that are in no container of such an attempt', async () => {
  const clock = hurriedClock();
  const gpus = createFakeGpus(1);
  const container = 'c'.repeat(64);
  const containers = new Map([
    [1, container],
    [2, 'd'.repeat(64)],
    [3, 'none'],
  ]);
  const options = { gpus, cpuCount: 0, clock, log: silentLogger, containerOf: (pid: number) => containers.get(pid) };
  const watch = await watchSlots({ ...options, heldContainers: () => Promise.resolve(new Set([container])) });
  const [slot] = watch.slots();
  if (slot === undefined) throw new Error('no slot');
  const uuid = slot.slotId;
  const used = (pid: number, gibibytes: number) => ({ uuid, pid, usedMemoryBytes: gibibytes * 2 ** 30 });
  gpus.set(uuid, { usedMemoryBytes: 20 * 2 ** 30 });
  // The fourth is one that may not be looked at.
  gpus.run([used(1, 20), used(4, 20)]);
  await watch.idle(uuid, false);
  // What has ended and still holds memory, and what was never ours.
  gpus.run([used(1, 20), used(2, 3), used(3, 2)]);
  await expect(watch.idle(uuid, false)).rejects.toThrow('5.0 GiB of its memory are in use by nothing that is at work');
  expect(watch.slots()).toMatchObject([{ health: 'unusable', runsOn: true }]);
  gpus.run([used(1, 20)]);
  clock.probe();
  await vi.waitFor(() => expect(watch.slots()[0]?.health).toBe('healthy'));
  gpus.fail('the driver does not tell');
  await watch.idle(uuid, false);
  watch.stop();
});

test('what has failed is remembered where the daemon ends by itself, until it is stopped or the host reboots', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-failed-'));
  const [path, bootIdPath] = [join(directory, 'failed-gpus.json'), join(directory, 'boot_id')];
  writeFileSync(bootIdPath, 'first\n');
  const clock = tickingClock();
  const gpus = createFakeGpus(2);
  const open = () => {
    const failures = openFailedGpus(path, bootIdPath);
    return watchSlots({ gpus, failures, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
  };
  const health = (watch: SlotWatch): string[] => watch.slots().map((slot) => slot.health);
  const [, device] = await gpus.list();
  const first = await open();
  gpus.lose(device?.uuid ?? '');
  clock.tick();
  await vi.waitFor(() => expect(health(first)).toEqual(['healthy', 'unusable']));
  gpus.bring(device);
  // It was killed: nobody has stopped it.
  expect(health(await open())).toEqual(['healthy', 'unusable']);
  writeFileSync(bootIdPath, 'second\n');
  expect(health(await open())).toEqual(['healthy', 'healthy']);
  writeFileSync(bootIdPath, 'first\n');
  const second = await open();
  expect(second.slots()[1]?.healthReason).toContain('fallen off the bus');
  // It has failed itself: nobody asked for that.
  second.stop();
  expect(health(await open())).toEqual(['healthy', 'unusable']);
  second.forgetFailures();
  expect(health(await open())).toEqual(['healthy', 'healthy']);
});

test('a slot that is held stays so while nothing can be learnt of its memory', async () => {
  const clock = hurriedClock();
  const gpus = createFakeGpus(1);
  const watch = await watchSlots({ gpus, cpuCount: 0, clock, heldContainers: none, log: silentLogger });
  const id = watch.slots()[0]?.slotId;
  if (id === undefined) throw new Error('no slot');
  gpus.set(id, { usedMemoryBytes: 9 * 2 ** 30 });
  await expect(watch.idle(id, true)).rejects.toThrow('9.0 GiB');
  const { usedMemoryBytes: _, ...figureless } = (await gpus.list())[0] as GpuDevice;
  gpus.bring(figureless);
  const list = vi.spyOn(gpus, 'list');
  clock.probe();
  await vi.waitFor(() => expect(list).toHaveBeenCalled());
  expect(watch.slots()).toMatchObject([{ health: 'unusable', healthReason: expect.stringContaining('9.0 GiB') }]);
  gpus.bring({ ...figureless, usedMemoryBytes: 0 });
  await vi.waitFor(() => {
    clock.probe();
    expect(watch.slots()[0]?.health).toBe('healthy');
  });
  watch.stop();
});
