import { expect, test } from 'vitest';
import { createSlotLock, type SlotPriority } from './slot-lock.ts';

const never = new AbortController().signal;

test('one holds the slot at a time, clean-slate runs come before tool calls, then first come first served', async () => {
  const lock = createSlotLock();
  const order: string[] = [];
  const take = async (priority: SlotPriority, name: string): Promise<void> => {
    const done = await lock.acquire(priority, never);
    order.push(name);
    done();
  };
  const release = await lock.acquire('tool', never);
  const others = [take('tool', 'tool 1'), take('tool', 'tool 2'), take('cleanSlate', 'cleanSlate')];
  expect(lock.waiting()).toBe(3);
  release();
  release();
  await Promise.all(others);
  expect(order).toEqual(['cleanSlate', 'tool 1', 'tool 2']);
});

test('who gives up waiting leaves the queue and blocks nobody', async () => {
  const lock = createSlotLock();
  const release = await lock.acquire('tool', never);
  const abandon = new AbortController();
  const waiting = lock.acquire('tool', abandon.signal);
  abandon.abort(new Error('cancelled'));
  await expect(waiting).rejects.toThrow('cancelled');
  release();
  const again = await lock.acquire('tool', never);
  again();
});
