// Finds the JSON object in what a model wrote: alone, in a code fence, or with text around it.

/** Where the object that the text begins with ends; undefined where it does not. */
export function endOfObject(text: string): number | undefined {
  if (!text.startsWith('{')) return undefined;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

/** The first object in the text that can be read; undefined where there is none. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  for (
    let start = text.indexOf('{'), tries = 0;
    start >= 0 && tries < 20;
    start = text.indexOf('{', start + 1), tries += 1
  ) {
    const rest = text.slice(start);
    const end = endOfObject(rest);
    if (end === undefined) continue;
    try {
      return JSON.parse(rest.slice(0, end)) as Readonly<Record<string, unknown>>;
    } catch {
      // Perhaps a brace in the prose before it.
    }
  }
  return undefined;
}
