import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../shared/store/digest.ts';
import { doubleBytes } from './doubles.ts';
import { predictionDigest } from './scoring.ts';

/** The name that predictions of texts have in every database so far. */
function stored(values: Float64Array, texts: readonly string[]): string {
  return sha256(`${sha256(doubleBytes(values))}\n${JSON.stringify(texts)}`);
}

test('predictions keep the name under which they are stored, whatever their texts', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('"', '\\', '\x01', ',', '😀') }),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.array(fc.double(), { maxLength: 8 }), (texts, numbers) => {
      const values = Float64Array.from(numbers);
      expect(predictionDigest({ values, texts })).toBe(stored(values, texts));
      expect(predictionDigest({ values })).toBe(sha256(doubleBytes(values)));
    }),
  );
  const [values, long] = [Float64Array.of(1, 0), Array.from({ length: 50_000 }, (_, row) => `text ${row}`)];
  expect(predictionDigest({ values, texts: long })).toBe(stored(values, long));
});

test('texts whose JSON no string could hold have a name as well', () => {
  // One string many times: a megabyte here, and more than 2 ** 29 characters once each of them is escaped.
  const text = '\x01'.repeat(2 ** 20);
  const texts = Array.from({ length: 86 }, () => text);
  expect(predictionDigest({ values: Float64Array.of(0), texts })).toMatch(/^[0-9a-f]{64}$/);
});
