// Labels as texts and numbers, in their natural order.

import { parseDecimal } from './decimal.ts';

/** The number that each text is, or NaN. */
export function numbersOf(texts: readonly string[]): Float64Array {
  return Float64Array.from(texts, (text) => {
    const bytes = Buffer.from(text);
    return parseDecimal(bytes, 0, bytes.length);
  });
}

/** The distinct labels: by value where all are numbers, else by code point. */
export function sortedLabels(labels: Iterable<string>): string[] {
  const distinct = [...new Set(labels)];
  const numbers = numbersOf(distinct);
  if (numbers.some(Number.isNaN)) return distinct.sort((left, right) => (left < right ? -1 : 1));
  return distinct.sort((left, right) => Number(left) - Number(right));
}
