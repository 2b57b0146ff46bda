// The command blocks of a Markdown page.

import { readFileSync } from 'node:fs';

export interface Block {
  readonly path: string;
  /** Line of the page on which it begins. */
  readonly line: number;
  /** Such as `sh`; empty where the fence names none. */
  readonly language: string;
  /** Its indentation taken off. */
  readonly text: string;
}

/** How a block says, to readers and to the tests, that it is not run and why. */
const notRun = /^# Not run by the tests: (.+)$/m;

/** Every fenced block of a page. */
export function fencedBlocks(path: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; indent: number; language: string; lines: string[] } | undefined;
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (open === undefined) {
      const fence = /^( *)```(\S*)$/.exec(line);
      if (fence !== null)
        open = { line: index + 1, indent: fence[1]?.length ?? 0, language: fence[2] ?? '', lines: [] };
    } else if (line.trim() === '```') {
      blocks.push({ path, line: open.line, language: open.language, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line.slice(open.indent));
  }
  return blocks;
}

/** Every block of commands. */
export function shellBlocks(path: string): Block[] {
  return fencedBlocks(path).filter((block) => block.language === 'sh');
}

/** Why a block is not run; undefined where it is. */
export function reasonNotToRun(block: Block): string | undefined {
  return notRun.exec(block.text)?.[1];
}
