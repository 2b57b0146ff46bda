// The command blocks of a Markdown page.

import { readFileSync } from 'node:fs';

export interface Block {
  /** Line of the page on which it begins. */
  readonly line: number;
  readonly text: string;
}

/** Every block fenced as `sh`, its indentation taken off. */
export function shellBlocks(path: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; indent: number; lines: string[] } | undefined;
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (open === undefined) {
      const fence = /^( *)```sh$/.exec(line);
      if (fence !== null) open = { line: index + 1, indent: fence[1]?.length ?? 0, lines: [] };
    } else if (line.trim() === '```') {
      blocks.push({ line: open.line, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line.slice(open.indent));
  }
  return blocks;
}
