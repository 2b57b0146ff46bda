// Tables that are separated by something else than their ending says: what a parser would tell of them misleads.

import { extname } from 'node:path';
import type { Problem } from './problem.ts';

const named: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' };

/** A problem where the header is one column by the expected separator, and several by another one. */
export function separatorProblem(file: string, text: string, expected: string): Problem | undefined {
  const [header = ''] = text.trimStart().split('\n', 1);
  const unquoted = header.trim().replace(/"[^"]*"/g, '');
  if (unquoted.includes(expected)) return;
  const found = ['\t', ';', ','].find((separator) => unquoted.includes(separator));
  if (found === undefined) return;
  const message = `it is separated by ${named[found]}, and a ${extname(file)} table is by ${named[expected]}`;
  return { file, line: 1, message, remedy: remedyFor(file, found, expected) };
}

function remedyFor(file: string, found: string, expected: string): string {
  const renamed = (ending: string): string => `${file.slice(0, file.length - extname(file).length)}${ending}`;
  if (found === '\t') return `Rename it to ${renamed('.tsv')}`;
  if (found === ',') return `Rename it to ${renamed('.csv')}`;
  const to = expected === '\t' ? ", sep='\\t'" : '';
  const [read, written] = [`read_csv('${file}', sep=';')`, `to_csv('${file}'${to}, index=False)`];
  return `Save it with ${named[expected]}: \`pandas.${read}.${written}\`, reading with decimal=',' where numbers have decimal commas`;
}
