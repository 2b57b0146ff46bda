// One order of texts, the same on every machine and in every locale.

/** The texts in the order of their UTF-16 code units. */
export function sorted<Text extends string>(texts: Iterable<Text>): Text[] {
  return [...texts].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}
