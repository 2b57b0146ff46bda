import fc from 'fast-check';
import { expect, test } from 'vitest';
import { radixOrder } from './order.ts';

test('the order by bits is the order by value, ties by row', () => {
  const values = fc.array(fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, 0.5, -1, 1e-300)));
  fc.assert(
    fc.property(values, (array) => {
      const expected = array.map((_, row) => row).sort((left, right) => (array[left] ?? 0) - (array[right] ?? 0) || 0);
      const comparable = array.every(Number.isFinite);
      if (comparable) expect([...radixOrder(Float64Array.from(array))]).toEqual(expected);
    }),
  );
});
