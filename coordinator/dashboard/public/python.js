// Python source → spans with a few classes. Wrong only in colour where the source is odd, never in text.

import { h } from './dom.js';

const keywords = new Set(
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case'.split(
    ' ',
  ),
);

const token =
  /(#[^\n]*)|([rbfuRBFU]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(\b\d[\w.]*\b)|([A-Za-z_]\w*)|(@[A-Za-z_][\w.]*)/g;

/** Beyond this, colour is not worth the wait. */
const mostColoured = 200_000;

/** The nodes' text is the source. @param {string} source @returns {(string | Node)[]} */
export function highlightPython(source) {
  if (source.length > mostColoured) return [source];
  /** @type {(string | Node)[]} */
  const out = [];
  let done = 0;
  for (const match of source.matchAll(token)) {
    const [text, comment, string, number, word, decorator] = match;
    const kind = comment ? 'c' : string ? 's' : number ? 'n' : decorator || (word && keywords.has(word)) ? 'k' : '';
    if (kind === '') continue;
    if (match.index > done) out.push(source.slice(done, match.index));
    done = match.index + text.length;
    out.push(h('span', { class: kind }, text));
  }
  out.push(source.slice(done));
  return out;
}
