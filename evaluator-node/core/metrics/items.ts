// Texts as lists of items between blanks, split as Python's str.split() does for ASCII blanks.

/** The items, in order. */
export function itemsOf(text: string): string[] {
  return text.split(/[ \t\n\r\f\v]+/).filter((item) => item !== '');
}

/** How many items the two sets share. */
export function sharedItems(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let shared = 0;
  for (const item of left) if (right.has(item)) shared += 1;
  return shared;
}
