// `score`: the evaluator's scorer as a command. It runs as a process of the evaluator's room, with the words as they are.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { configPath } from '../cluster/layout.ts';
import { type CliContext, findPlace } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { runScript } from '../spawned.ts';

export function addScore(program: Command, cli: CliContext): void {
  program
    .command('score')
    .description('score a submission against answers: score --metric NAME ANSWERS.csv SUBMISSION.csv [-o json]')
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .passThroughOptions()
    .action(async (words: string[]) => {
      cli.exitCode = (await runScript(cli, 'evaluator-node/main-score.ts', withEvaluator(cli, words))) as ExitCode;
    });
}

/** Names the evaluator of the local cluster, whose configuration says where a grader runs, where the words name none. */
function withEvaluator(cli: CliContext, words: readonly string[]): readonly string[] {
  const has = (flag: string): boolean => words.some((word) => word === flag || word.startsWith(`${flag}=`));
  if (!has('--grader') || has('--config')) return words;
  const config = configPath(findPlace(cli, {}), 'evaluator');
  return existsSync(config) ? [...words, '--config', config] : words;
}
