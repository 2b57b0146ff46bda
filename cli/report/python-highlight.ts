// Python source → markup with a few classes. Wrong only in colour where the source is odd, never in text.

import { html, type Markup } from './markup.ts';

const keywords = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from global if ' +
    'import in is lambda nonlocal not or pass raise return try while with yield match case'
  ).split(' '),
);

const token =
  /(#[^\n]*)|([rbfuRBFU]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(\b\d[\w.]*\b)|([A-Za-z_]\w*)|(@[A-Za-z_][\w.]*)/g;

/** The source as markup; concatenating the texts gives the source back. */
export function highlightPython(source: string): Markup[] {
  const out: Markup[] = [];
  let done = 0;
  for (const match of source.matchAll(token)) {
    const [text, comment, string, number, word, decorator] = match;
    if (match.index > done) out.push(html`${source.slice(done, match.index)}`);
    done = match.index + text.length;
    const kind =
      comment !== undefined
        ? 'c'
        : string !== undefined
          ? 's'
          : number !== undefined
            ? 'n'
            : decorator !== undefined || (word !== undefined && keywords.has(word))
              ? 'k'
              : '';
    out.push(kind === '' ? html`${text}` : html`<span class="${kind}">${text}</span>`);
  }
  if (done < source.length) out.push(html`${source.slice(done)}`);
  return out;
}
