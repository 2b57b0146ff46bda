// The normal form of a Python program: equal for two texts that differ in layout, comments, docstrings, quotes and the names of
// variables and functions alone. It is compared, never run, so it need not be Python.
//
// Careful on one side only: two programs that do different things must not get the same form, while two equal ones may get
// different forms. So names are renamed only where they are plainly bound in the program (assigned, looped over, defined), and
// never where they might be an attribute or the name of an argument. Strings stay as they are, f-strings too.

interface Token {
  readonly kind: 'name' | 'string' | 'other';
  readonly text: string;
  /** Inside brackets of this depth. */
  readonly depth: number;
}

interface Line {
  readonly indent: number;
  readonly tokens: readonly Token[];
}

const nameHere = /[\p{L}_][\p{L}\p{N}_]*/uy;
const stringHere = /([rbuf]{0,2})("""|'''|"|')/iy;
const numberHere = /\.?\d[\w.]*/y;
const operatorHere = /\*\*=?|\/\/=?|<<=?|>>=?|->|:=|[-+*/%&|^@<>=!]=|[\s\S]/y;
const keywords = new Set(
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case print self'.split(
    ' ',
  ),
);

/** The normal form. Total: any text has one. */
export function normaliseCode(text: string): string {
  const lines = linesOf(text.replace(/\r\n?/g, '\n'));
  const renamed = renaming(lines);
  const depths: number[] = [0];
  return lines
    .map(({ indent, tokens }) => {
      while ((depths.at(-1) ?? 0) > indent) depths.pop();
      if ((depths.at(-1) ?? 0) < indent) depths.push(indent);
      const words = tokens.map((token, index) => (isFree(tokens, index) ? token.text : renamed(token.text)));
      return `${depths.length - 1} ${words.join(' ')}`;
    })
    .join('\n');
}

/** Logical lines: without comments, blank lines, docstrings and commas that a formatter may add. */
function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  let indent = 0;
  let tokens: Token[] = [];
  let depth = 0;
  const margin = marginOf(text);
  const end = (): void => {
    if (tokens.length > 1 || (tokens[0] !== undefined && tokens[0].kind !== 'string')) {
      lines.push({ indent, tokens: withoutLastCommas(tokens) });
    }
    tokens = [];
  };
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? '';
    if (character === '#') {
      const next = text.indexOf('\n', at);
      at = next < 0 ? text.length : next;
    } else if (character === '\n' || (character === ';' && depth === 0)) {
      if (depth === 0) end();
      at += 1;
    } else if (character === '\\' && text[at + 1] === '\n') {
      at += 2;
    } else if (character === ' ' || character === '\t' || character === '\f') {
      at += 1;
    } else {
      if (tokens.length === 0) indent = margin(at) ?? indent;
      const token = tokenAt(text, at);
      if ('([{'.includes(token.text)) depth += 1;
      if (')]}'.includes(token.text)) depth = Math.max(0, depth - 1);
      tokens.push({ ...token.of, depth });
      at = token.end;
    }
  }
  end();
  return lines;
}

/**
 * The indentation of a place that begins its line; undefined of any other. Asked from the front to the back: each character is looked at
 * once, however many statements a line has.
 */
function marginOf(text: string): (at: number) => number | undefined {
  let seen = 0;
  let width: number | undefined = 0;
  return (at) => {
    for (; seen < at; seen += 1) {
      const character = text[seen] ?? '';
      if (character === '\n') width = 0;
      else if (width !== undefined) width = character.trim() === '' ? width + (character === '\t' ? 8 : 1) : undefined;
    }
    return width;
  };
}

function tokenAt(
  text: string,
  at: number,
): { readonly text: string; readonly end: number; readonly of: Omit<Token, 'depth'> } {
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const quote = match(stringHere);
  if (quote !== null) {
    const [whole, prefix = '', mark = ''] = quote;
    const end = endOfString(text, at + whole.length, mark);
    return { text: 'string', end, of: { kind: 'string', text: plainString(text.slice(at, end), prefix, mark) } };
  }
  const name = match(nameHere)?.[0];
  if (name !== undefined) return { text: name, end: at + name.length, of: { kind: 'name', text: name } };
  const other = (match(numberHere) ?? match(operatorHere))?.[0] ?? '';
  return { text: other, end: at + Math.max(1, other.length), of: { kind: 'other', text: other } };
}

function endOfString(text: string, from: number, mark: string): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text.startsWith(mark, at)) return at + mark.length;
    else if (text[at] === '\n' && mark.length === 1) return at;
  }
  return text.length;
}

/** Single and double quotes are alike where nothing inside depends on them. */
function plainString(text: string, prefix: string, mark: string): string {
  const inside = text.slice(prefix.length + mark.length, text.length - mark.length);
  const kind = prefix.toLowerCase().replace('u', '');
  return /["'\\\n]/.test(inside) || !text.endsWith(mark) ? `${kind}${text.slice(prefix.length)}` : `${kind}"${inside}"`;
}

/** Formatters end long lists with a comma; a tuple of one member needs its own. */
function withoutLastCommas(tokens: readonly Token[]): Token[] {
  const kept: Token[] = [];
  const commas: number[] = [];
  for (const token of tokens) {
    if (token.kind === 'other' && '([{'.includes(token.text)) commas.push(0);
    else if (token.kind === 'other' && token.text === ',') commas.push((commas.pop() ?? 0) + 1);
    else if (token.kind === 'other' && ')]}'.includes(token.text)) {
      const count = commas.pop() ?? 0;
      if (kept.at(-1)?.text === ',' && (token.text !== ')' || count > 1)) kept.pop();
    }
    kept.push(token);
  }
  return kept;
}

/** New names for those that the program binds, in the order in which they first stand there. */
function renaming(lines: readonly Line[]): (name: string) => string {
  const bound = new Set(lines.flatMap(({ tokens }) => boundNames(tokens)));
  const names = new Map<string, string>();
  for (const { tokens } of lines) {
    for (const [index, { text }] of tokens.entries()) {
      if (!isFree(tokens, index) && bound.has(text) && !names.has(text)) names.set(text, `v${names.size}`);
    }
  }
  return (name) => names.get(name) ?? name;
}

/** True for what is no variable: no name, a word of the language, an attribute, the name of an argument. */
function isFree(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  if (token?.kind !== 'name' || keywords.has(token.text)) return true;
  if (tokens[index - 1]?.text === '.') return true;
  return token.depth > 0 && tokens[index + 1]?.text === '=';
}

function boundNames(tokens: readonly Token[]): string[] {
  const found: string[] = [];
  const [first, second] = tokens;
  if (first?.kind === 'name' && second?.text === '=' && !keywords.has(first.text)) found.push(first.text);
  for (const [index, { text }] of tokens.entries()) {
    const next = tokens[index + 1];
    if (next?.kind !== 'name' || keywords.has(next.text)) continue;
    if (text === 'def' || text === 'for' || text === 'as') found.push(next.text);
  }
  return found;
}
