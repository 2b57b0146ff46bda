// Texts with a bound in UTF-8 bytes, cut so that no character is broken.

/** Length of the text in UTF-8 bytes. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) bytes += characterBytes(character);
  return bytes;
}

function characterBytes(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** The text, or its beginning and an ellipsis, in at most `maxBytes`. */
export function keepStart(text: string, maxBytes: number): string {
  if (utf8Bytes(text) <= maxBytes) return text;
  return `${prefix(text, maxBytes - 3)}…`;
}

/** The text, or an ellipsis and its end, in at most `maxBytes`. */
export function keepEnd(text: string, maxBytes: number): string {
  if (utf8Bytes(text) <= maxBytes) return text;
  const characters: string[] = [];
  let left = maxBytes - 3;
  for (const character of Array.from(text).reverse()) {
    left -= characterBytes(character);
    if (left < 0) break;
    characters.push(character);
  }
  return `…${characters.reverse().join('')}`;
}

function prefix(text: string, maxBytes: number): string {
  let left = maxBytes;
  let end = 0;
  for (const character of text) {
    left -= characterBytes(character);
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end);
}
