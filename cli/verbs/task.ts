// `task …`: the tasks. `ls` asks the coordinator; everything that reads data runs as a process of the evaluator's room, on
// the evaluator's machine, because labels have no way in over the network.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { configPath, dataPath } from '../cluster/layout.ts';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import type { Task } from '../core/model.ts';
import { count } from '../core/quantity.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { runScript } from '../spawned.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { type DryRunFlags, type OutputFlags, withCoordinator, withDryRun, withOutput, withPlace } from '../verb.ts';

export const taskScript = 'evaluator-node/main-task.ts';

const columns: readonly Column<Task>[] = [
  { title: 'TASK', value: (task) => task.name },
  { title: 'METRIC', value: (task) => `${task.metric} (${task.lowerIsBetter ? 'lower' : 'higher'} is better)` },
  { title: 'TRAIN ROWS', value: (task) => count(task.trainRows), align: 'right' },
  { title: 'TO PREDICT', value: (task) => count(task.testRows), align: 'right' },
  { title: 'SPLIT', value: (task) => task.splitStrategy },
  { title: 'TITLE', value: (task) => task.title, width: 60 },
];

const passedOn: Readonly<Record<string, string>> = {
  import: 'import a task directory into the evaluator on this machine: task import DIR',
  init: 'make a task of a Kaggle folder or a prepared MLE-bench competition: task init DIR --metric NAME | --grader grade.py --better lower|higher [--target COLUMN]…',
  rekey: 'give the labels of the evaluator on this machine new keys; back them up and start it again: task rekey',
  validate: 'check a task directory, and run its own grader, without importing it: task validate DIR',
};

export function addTask(program: Command, cli: CliContext): void {
  const group = program
    .command('task')
    .description('tasks: import, init, validate, ls, rekey')
    .enablePositionalOptions();
  withOutput(withPlace(group.command('ls').description('the tasks that were imported'))).action(
    async (flags: PlaceFlags & OutputFlags) => {
      const tasks = await withCoordinator(cli, flags, (coordinator) => coordinator.listTasks());
      if (flags.output === 'json') printJson(cli.stdout, tasks);
      else if (tasks.length === 0) cli.stderr.write('No task was imported yet: doubleblind task import tasks/digits\n');
      else cli.stdout.write(`${renderTable(tasks, columns, cli.stdout)}\n`);
    },
  );
  for (const [verb, description] of Object.entries(passedOn)) {
    const command = group
      .command(verb)
      .description(description)
      .argument('[words...]')
      .allowUnknownOption()
      .helpOption(false)
      .passThroughOptions();
    // The process behind it reads the flags itself; this one is known here as well, for help and completion.
    (verb === 'validate' ? command : withDryRun(command)).action(async (given: string[], flags: DryRunFlags) => {
      const words = flags.dryRun === true ? [...given, '--dry-run'] : given;
      cli.exitCode = (await runScript(cli, taskScript, [verb, ...withEvaluator(cli, verb, words)])) as ExitCode;
    });
  }
}

const installedConfig = '/etc/doubleblind/evaluator.yaml';

/** Names the evaluator of the local cluster where the words name none: its configuration, or its place before it ever ran. */
function withEvaluator(cli: CliContext, verb: string, words: readonly string[]): string[] {
  const { given, stateDir } = takeStateDir(words);
  const named = given.some((word) => /^--(config|help)\b/.test(word) || word === '-h');
  if (verb === 'init' || named) return given;
  const place = findPlace(cli, { stateDir });
  const config = configPath(place, 'evaluator');
  if (existsSync(config)) return [...given, '--config', config];
  if (verb === 'validate' || (stateDir === undefined && existsSync(installedConfig))) return given;
  return [...given, '--state-dir', dataPath(place, 'evaluator')];
}

/** Takes `--state-dir DIR` or `--state-dir=DIR` out. Without its value the default one would be worked on, which nobody asked for. */
function takeStateDir(words: readonly string[]): { given: string[]; stateDir: string | undefined } {
  const flag = '--state-dir';
  const at = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  const word = words[at];
  if (word === undefined) return { given: [...words], stateDir: undefined };
  const inline = word === flag ? undefined : word.slice(flag.length + 1);
  const stateDir = inline ?? words[at + 1] ?? '';
  if (stateDir === '' || (inline === undefined && stateDir.startsWith('-'))) {
    throw new CliError(exitCodes.usage, `${flag} needs a directory.`);
  }
  return { given: [...words.slice(0, at), ...words.slice(at + (inline === undefined ? 2 : 1))], stateDir };
}
