import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnOfTexts, textsOfColumn } from './text-column.ts';

test('texts come back as they were, from columns of earlier versions as well', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('"', '[', '\x01', '\n', ' ', '😀') }),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (texts) => {
      expect(textsOfColumn(columnOfTexts(texts))).toEqual(texts);
      expect(textsOfColumn(JSON.stringify(texts))).toEqual(texts);
    }),
  );
});

test('texts of a submission take no more than one character each beyond their own', () => {
  const texts = ['\x01'.repeat(1000), '"'.repeat(1000), ''];
  expect(columnOfTexts(texts)).toHaveLength(2000 + 3);
});
