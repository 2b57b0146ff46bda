// `run TASK`: a search, followed to its end unless detached.

import type { Command } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import { nearest } from '../core/suggestion.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { followRun } from '../follow.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import { exitCodeOf, gatherReport, printRunEnd, writeRunFiles } from '../run-end.ts';
import { type SearchFlags, searchRequest, withSearch, withSearchDetails } from '../run-request.ts';
import { type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags, SearchFlags {
  readonly detach?: boolean;
}

export function addRun(program: Command, cli: CliContext): void {
  const command = program
    .command('run')
    .description('search on a task and follow it to the end; Ctrl-C leaves it running')
    .argument('<task>', 'an imported task; doubleblind task ls lists them')
    .option('-d, --detach', "print the run's id and leave it running");
  withOutput(withPlace(withSearchDetails(withSearch(command)))).action(async (task: string, flags: Flags) => {
    await withCoordinator(cli, flags, async (coordinator, place) => {
      await checkTask(coordinator, task);
      const run = await coordinator.createRun(searchRequest(task, withoutDefault(flags)));
      if (flags.detach === true) {
        if (flags.output === 'json') printJson(cli.stdout, run);
        else cli.stdout.write(`${run.runId}\n`);
        return;
      }
      cli.stderr.write(`${cli.stderr.style.dim(`run ${run.runId} on ${task}; Ctrl-C leaves it running`)}\n`);
      const end = await followRun(cli, { coordinator, run, output: cli.stderr });
      if (end.kind === 'detached') {
        cli.stderr.write(`The run goes on. Follow it again: doubleblind watch ${run.runId}\n`);
        cli.exitCode = exitCodes.detached;
        return;
      }
      const data = await gatherReport(cli, coordinator, end.run, end.candidates);
      printRunEnd(cli, data, await writeRunFiles(coordinator, data, place.stateDirectory), flags.output);
      cli.exitCode = exitCodeOf(end.run, 'run');
    });
  });
}

/** commander says `true` for a --no-… flag that was not given; that is no wish. */
function withoutDefault(flags: Flags): SearchFlags {
  const { repair, ...rest } = flags;
  return repair === false ? { ...rest, repair } : rest;
}

/** A task that is not there is told with the names of those that are. */
async function checkTask(coordinator: Coordinator, task: string): Promise<void> {
  const names = (await coordinator.listTasks()).map((known) => known.name);
  if (names.includes(task)) return;
  const near = nearest(task, names);
  throw new CliError(exitCodes.notFound, `There is no task ${task}.`, [
    near === undefined ? `Tasks here: ${names.join(', ') || 'none'}.` : `Did you mean ${near}?`,
    'A packaged or own task is brought in with: doubleblind task import DIR',
  ]);
}
