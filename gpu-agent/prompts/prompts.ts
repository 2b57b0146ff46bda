// The prompts, one Markdown file each, with {{placeholders}} that core/brief.ts fills.
//
// An operator's directory may hold files of its own; what it does not hold comes from here.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { operators, type SearchOperator } from '../../shared/core/vocabulary.ts';
import { type Brief, fill, promptPlaceholders, promptValues } from '../core/brief.ts';
import type { Message } from '../core/conversation.ts';
import type { RankingPrompts } from '../core/ranking.ts';

/** Templates by file name without `.md`. */
export interface Prompts {
  readonly system: string;
  readonly byOperator: Readonly<Record<SearchOperator, string>>;
  /** Roads that drafts take in turn. */
  readonly angles: readonly string[];
  readonly sketch: string;
  readonly judge: string;
}

/** The files that there are, and the placeholders that each may use. */
const placeholders: Readonly<Record<string, readonly string[]>> = {
  system: promptPlaceholders,
  ...Object.fromEntries(operators.map((operator) => [operator, promptPlaceholders])),
  angles: [],
  sketch: ['count'],
  judge: ['count', 'sketches'],
};

/**
 * Reads all prompts: each from `overrides` where it has one, else the packaged one. Throws, naming the file, where the
 * directory holds something else or a file uses a placeholder that does not exist.
 */
export function loadPrompts(overrides = ''): Prompts {
  if (overrides !== '') checkNames(overrides);
  const read = (name: string): string => {
    const own = join(overrides, `${name}.md`);
    const path = overrides !== '' && existsSync(own) ? own : join(import.meta.dirname, `${name}.md`);
    const text = readFileSync(path, 'utf8');
    checkPlaceholders(path, text, placeholders[name] ?? []);
    return text;
  };
  const byOperator = Object.fromEntries(operators.map((operator) => [operator, read(operator)]));
  return {
    system: read('system'),
    byOperator: byOperator as Record<SearchOperator, string>,
    angles: [...read('angles').matchAll(/^- (.+)$/gm)].map(([, angle = '']) => angle.trim()),
    sketch: read('sketch'),
    judge: read('judge'),
  };
}

function checkNames(directory: string): void {
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch (cause) {
    throw new Error(`the directory of prompts ${directory} cannot be read`, { cause });
  }
  const known = Object.keys(placeholders).map((name) => `${name}.md`);
  const strange = files.filter((file) => file.endsWith('.md') && !known.includes(file));
  if (strange.length === 0) return;
  throw new Error(`${join(directory, strange[0] ?? '')} is no prompt; the prompts are: ${known.join(', ')}`);
}

function checkPlaceholders(path: string, text: string, known: readonly string[]): void {
  for (const [, name = ''] of text.matchAll(/\{\{([a-zA-Z]+)\}\}/g)) {
    if (known.includes(name)) continue;
    const there = known.map((one) => `{{${one}}}`).join(', ');
    throw new Error(`${path} uses {{${name}}}, which does not exist; there are: ${there === '' ? 'none' : there}`);
  }
}

/** What is said before ideas are sketched, and when they are judged. */
export function rankingPrompts({ sketch, judge }: Pick<Prompts, 'sketch' | 'judge'>, count: number): RankingPrompts {
  return { count, sketch: fill(sketch, { count: String(count) }).trim(), judge: judge.trim() };
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
