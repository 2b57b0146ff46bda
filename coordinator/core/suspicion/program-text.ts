// A Python program as the detectors read it: its code without comments and documentation, and what its strings say. Not a parser:
// it only knows where strings and comments begin and end.

import type { SolutionFile } from './evidence.ts';

export interface ProgramText {
  /** Each string literal stands as `""`. */
  readonly code: string;
  /** Literals, and what neighbours give when they are joined: `'/pro' + 'c/1'`, `join('/', 'etc')`. */
  readonly strings: readonly string[];
  readonly literals: readonly string[];
}

/** More text is not taken apart: its size says enough, and what reads it here must end soon. */
export const longestProgram = 256 * 1024;

export function isProgram(path: string): boolean {
  return /\.(py|ipynb|sh|R|jl)$/.test(path);
}

/** Size of all programs of a solution together. */
export function programBytes(files: readonly SolutionFile[]): number {
  return files.reduce((sum, { path, bytes }) => sum + (isProgram(path) ? bytes : 0), 0);
}

/** Longest chain of literals that is put together. */
const longestChain = 12;
/** What may stand between two literals that are joined. */
const betweenJoined = /^[\s+,/[\]()]*$/;
const longestIndent = 100;
const stringStart = /(?:[rbfuRBFU]{0,2})("""|'''|"|')/y;

export function readProgram(source: string): ProgramText {
  const literals: string[] = [];
  const pieces: string[] = [];
  /** Code between literal i and the one before it. */
  const gaps: string[] = [];
  let plain = '';
  let at = 0;
  while (at < source.length) {
    const character = source[at] as string;
    if (character === '#') {
      at = endOfLine(source, at);
      continue;
    }
    stringStart.lastIndex = at;
    const start = /[rbfu"']/i.test(character) && !/\w/.test(source[at - 1] ?? '') ? stringStart.exec(source) : null;
    if (start === null) {
      plain += character;
      at += 1;
      continue;
    }
    const quote = start[1] as string;
    const from = at + start[0].length;
    const end = endOfString(source, from, quote);
    const isText = quote.length === 3 && /(^|[\n:])\s*$/.test(plain.slice(-longestIndent));
    if (!isText) {
      literals.push(unescaped(source.slice(from, end)));
      gaps.push(plain);
      pieces.push(plain, '""');
      plain = '';
    }
    at = end + quote.length;
  }
  pieces.push(plain);
  return { code: pieces.join(''), strings: [...literals, ...joined(literals, gaps)], literals };
}

function endOfLine(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end < 0 ? source.length : end;
}

function endOfString(source: string, from: number, quote: string): number {
  for (let at = from; at < source.length; at += 1) {
    if (source[at] === '\\') at += 1;
    else if (source.startsWith(quote, at)) return at;
    else if (quote.length === 1 && source[at] === '\n') return at;
  }
  return source.length;
}

function unescaped(text: string): string {
  return text
    .replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\\n/g, '');
}

function joined(literals: readonly string[], gaps: readonly string[]): string[] {
  const found: string[] = [];
  for (let first = 0; first < literals.length; first += 1) {
    let last = first;
    while (last + 1 < literals.length && last - first < longestChain && betweenJoined.test(gaps[last + 1] ?? 'x'))
      last += 1;
    if (last === first) continue;
    const chain = literals.slice(first, last + 1);
    found.push(chain.join(''), chain.join('/').replace(/\/+/g, '/'));
  }
  return found;
}
