import { expect, test } from 'vitest';
import { handClock } from '../shared/hand-clock.test-support.ts';
import { createSlotLock } from './core/slot-lock.ts';
import { cpuSlots, type HostSlot } from './slots.ts';
import { UnsettledSlots } from './unsettled-slots.ts';

function kept() {
  const clock = handClock();
  const [slot, other] = cpuSlots(2) as [HostSlot, HostSlot];
  const told: string[] = [];
  const unsettled = new UnsettledSlots(clock, () => told.push(unsettled.seen(slot).health));
  const lock = createSlotLock((isKept) => unsettled.note(slot.slotId, isKept));
  const quiet = Promise.withResolvers<void>();
  return { clock, slot, other, told, unsettled, lock, quiet };
}

test('a slot whose last call cannot be ended takes nothing new after half a minute, and loses what waits for it after ten', async () => {
  const { clock, slot, other, told, unsettled, lock, quiet } = kept();
  lock.keep(await lock.acquire('tool', new AbortController().signal), quiet.promise);
  clock.advance(29_999);
  expect(unsettled.seen(slot)).toEqual(slot);
  clock.advance(1);
  expect(unsettled.seen(slot)).toMatchObject({ health: 'unusable', runsOn: true });
  expect(unsettled.seen(slot).healthReason).toContain('cannot be ended');
  clock.advance(570_000);
  expect(unsettled.seen(slot)).toMatchObject({ health: 'unusable', runsOn: false });
  expect(unsettled.seen(other)).toEqual(other);
  expect(told).toEqual(['unusable', 'unusable']);
  unsettled.note(slot.slotId, true);
  const waiting = lock.acquire('tool', new AbortController().signal);
  quiet.resolve();
  await waiting;
  expect(unsettled.seen(slot)).toEqual(slot);
  expect(told).toEqual(['unusable', 'unusable', 'healthy']);
});

test('of a call that is ended in time nobody hears, and what else is wrong with a slot is told in its own words', async () => {
  const { clock, slot, told, unsettled, lock, quiet } = kept();
  lock.keep(await lock.acquire('tool', new AbortController().signal), quiet.promise);
  clock.advance(20_000);
  quiet.resolve();
  (await lock.acquire('tool', new AbortController().signal))();
  clock.advance(600_000);
  expect([told, unsettled.seen(slot)]).toEqual([[], slot]);
  lock.keep(await lock.acquire('tool', new AbortController().signal), new Promise(() => undefined));
  clock.advance(600_000);
  const broken: HostSlot = { ...slot, health: 'unusable', healthReason: 'it fell off the bus' };
  expect(unsettled.seen(broken)).toEqual(broken);
  unsettled.stop();
});
