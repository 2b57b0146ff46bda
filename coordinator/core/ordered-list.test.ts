import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyList, insertOrdered, itemAt, itemsOf, lastOf, removeFirst } from './ordered-list.ts';

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('insert' as const), value: fc.integer({ min: 0, max: 1e6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), value: fc.nat({ max: 3000 }) }) },
);

test('it holds what a plain array would that is sorted after every step, also when its pieces split and empty', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 3000, size: 'max' }), (steps) => {
      const list = emptyList<number>();
      const plain: number[] = [];
      for (const { kind, value } of steps) {
        if (kind === 'insert' && !plain.includes(value)) {
          plain.push(value);
          plain.sort((left, right) => left - right);
          expect(insertOrdered(list, value, (left, right) => left < right)).toBe(plain.at(-1) === value);
        } else if (kind === 'remove') {
          const [gone] = plain.splice(value, 1);
          removeFirst(list, (item) => item === gone);
        }
      }
      expect(itemsOf(list)).toEqual(plain);
      expect(list.length).toBe(plain.length);
      for (const index of [-1, 0, 1, plain.length >> 1, plain.length - 1, plain.length, -plain.length - 1]) {
        expect(itemAt(list, index)).toBe(plain.at(index));
      }
      for (const count of [0, 1, 700, plain.length + 1])
        expect(lastOf(list, count)).toEqual(count === 0 ? [] : plain.slice(-count));
    }),
    { numRuns: 20 },
  );
});
