// What the pages say of the command line exists: fences name their language, so that no command hides in one, and every
// `doubleblind …` in a sentence is a verb with flags that it takes.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { fencedBlocks, reasonNotToRun, shellBlocks } from '../test/support/document-blocks.ts';
import { documentPaths } from '../test/support/documents.ts';
import { buildProgram } from './program.ts';
import { quietContext } from './testing/run-verb.ts';

test('every fenced block names its language, and a block that is not run says why', () => {
  const blocks = documentPaths().flatMap(fencedBlocks);
  expect(blocks.length).toBeGreaterThan(30);
  expect(blocks.filter(({ language }) => language === '').map(({ path, line }) => `${path}:${line}`)).toEqual([]);
  const reasons = documentPaths()
    .flatMap(shellBlocks)
    .flatMap((block) => reasonNotToRun(block) ?? []);
  for (const reason of reasons) expect(reason.length, reason).toBeGreaterThan(12);
});

/** The commands in a page's sentences and blocks, each as its words. */
function mentioned(path: string): string[][] {
  const text = readFileSync(path, 'utf8');
  const inline = [...text.matchAll(/`(?:sh deploy\/bin\/)?doubleblind ([^`]+)`/g)].map((match) => match[1] ?? '');
  const inBlocks = shellBlocks(path).flatMap((block) =>
    [...block.text.matchAll(/^\s*doubleblind (.+)$/gm)].map((match) => match[1] ?? ''),
  );
  return [...inline, ...inBlocks].map((command) =>
    command
      .replace(/\s+#.*$|[|>&].*$/g, '')
      .trim()
      .split(/\s+/),
  );
}

/** True for verbs that hand their flags on to another process, which knows them. */
function handsOn(command: Command): boolean {
  return '_allowUnknownOption' in command && command._allowUnknownOption === true;
}

/** What is wrong with the words; undefined where nothing is. */
function wrong(program: Command, words: readonly string[]): string | undefined {
  let command = program;
  for (const [index, word] of words.entries()) {
    if (word.startsWith('-')) {
      const flag = word.split('=')[0];
      const known = [...command.options, ...program.options].some(({ long, short }) => long === flag || short === flag);
      if (!known && flag !== '--help' && !handsOn(command)) return `${words.join(' ')}: no flag ${flag}`;
    } else if (command.commands.length > 0 && !/^[A-Z]+$/.test(word)) {
      const child = command.commands.find((one) => one.name() === word);
      if (child === undefined) return `${words.join(' ')}: no verb ${words.slice(0, index + 1).join(' ')}`;
      command = child;
    }
  }
  return undefined;
}

test('every command that a page names exists, with the flags that it is given', () => {
  const program = buildProgram(quietContext());
  const commands = documentPaths().flatMap((path) => mentioned(path).map((words) => ({ path, words })));
  expect(commands.length).toBeGreaterThan(40);
  const problems = commands.flatMap(({ path, words }) => {
    const problem = wrong(program, words);
    return problem === undefined ? [] : [`${path}: ${problem}`];
  });
  expect(problems).toEqual([]);
});
