// The prompts, one Markdown file each, with {{placeholders}} that core/brief.ts fills.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { operators, type SearchOperator } from '../../shared/core/vocabulary.ts';
import { type Brief, fill, promptValues } from '../core/brief.ts';
import type { Message } from '../core/conversation.ts';

/** Templates by file name without `.md`. */
export interface Prompts {
  readonly system: string;
  readonly byOperator: Readonly<Record<SearchOperator, string>>;
  /** Roads that drafts take in turn. */
  readonly angles: readonly string[];
}

/** Reads all prompts; throws where one is missing. */
export function loadPrompts(directory: string = import.meta.dirname): Prompts {
  const read = (name: string): string => readFileSync(join(directory, `${name}.md`), 'utf8');
  const byOperator = Object.fromEntries(operators.map((operator) => [operator, read(operator)]));
  const angles = [...read('angles').matchAll(/^- (.+)$/gm)].map(([, angle = '']) => angle.trim());
  return { system: read('system'), byOperator: byOperator as Record<SearchOperator, string>, angles };
}

/** The first two messages of a trajectory. */
export function openingMessages(prompts: Prompts, brief: Brief): Message[] {
  const values = promptValues(brief, prompts.angles);
  return [
    { role: 'system', content: tidy(fill(prompts.system, values)) },
    { role: 'user', content: tidy(fill(prompts.byOperator[brief.operator], values)) },
  ];
}

/** Parts that are absent leave blank lines behind. */
function tidy(text: string): string {
  return text.replace(/\n{3,}## /g, '\n\n## ').trim();
}
