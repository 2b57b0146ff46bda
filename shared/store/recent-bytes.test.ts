import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digest } from '../core/ids.ts';
import { sha256 } from './digest.ts';
import { newRecentBytes } from './recent-bytes.ts';

const name = (index: number) => digest(sha256(`artifact ${index}`));
const step = fc.record({
  kind: fc.constantFrom('keep', 'get', 'forget'),
  index: fc.nat({ max: 9 }),
});

test('what is held never exceeds the bound, and those used last are held', () => {
  const length = (index: number): number => 10 * (index + 1);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const most = 150;
      const recent = newRecentBytes(most);
      // The same by hand: indices, the one used last at the end.
      let order: number[] = [];
      for (const { kind, index } of steps) {
        if (kind === 'get') {
          const expected = order.includes(index) ? length(index) : undefined;
          expect(recent.get(name(index))?.length).toBe(expected);
          if (expected === undefined) continue;
        }
        order = order.filter((other) => other !== index);
        if (kind === 'forget') recent.forget(name(index));
        else order.push(index);
        if (kind === 'keep') recent.keep(name(index), Buffer.alloc(length(index), index));
        while (order.reduce((sum, other) => sum + length(other), 0) > most) order.shift();
      }
      expect(order.map((index) => recent.get(name(index))?.[0])).toEqual(order);
    }),
  );
});

test('bytes are copied, and what is larger than the bound is not kept', () => {
  const recent = newRecentBytes(4);
  const bytes = Buffer.from('abcd');
  recent.keep(name(1), bytes);
  bytes.fill('x');
  expect(recent.get(name(1))?.toString()).toBe('abcd');
  recent.keep(name(2), Buffer.from('abcde'));
  expect(recent.get(name(2))).toBeUndefined();
});

test('what is held takes no more memory than its own bytes: no slab of a pool, no larger message', () => {
  const recent = newRecentBytes(1000);
  recent.keep(name(1), Buffer.from('the bytes of a small program'));
  recent.keep(name(2), Buffer.alloc(500).subarray(0, 20));
  for (const index of [1, 2]) {
    const held = recent.get(name(index));
    expect(held?.buffer.byteLength).toBe(held?.length);
  }
});
