// The commands of docs/operations.md, so that a rehearsal runs what operators read.

import { join } from 'node:path';
import { shellBlocks } from '../support/document-blocks.ts';

/** What the page calls the machines, and what they are called here. The page has more hosts than one. */
const names: readonly (readonly [string, string])[] = [
  ['coordinator.lan', 'head'],
  ['nats.lan', 'head'],
  ['evaluator.lan', 'evaluator'],
  ['gpu-1.lan', 'host'],
  ['gpu-1,gpu-2', 'gpu-1'],
];

/** The one block of docs/operations.md that has these words, as printed but for the names of machines. */
export function printed(words: string): string {
  const here = (text: string): string => names.reduce((result, [from, to]) => result.replaceAll(from, to), text);
  const page = shellBlocks(join(import.meta.dirname, '../../docs/operations.md')).map(({ text }) => here(text));
  const [block, ...others] = page.filter((text) => text.includes(words));
  if (block === undefined || others.length > 0) throw new Error(`not one block of the page has: ${words}`);
  return block;
}
