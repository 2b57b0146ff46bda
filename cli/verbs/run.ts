// `run TASK`: a search, followed to its end unless detached.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { nearest } from '../core/suggestion.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import { type SearchFlags, searchRequest, withSearch, withSearchDetails } from '../run-request.ts';
import { seeThrough } from '../see-through.ts';
import { type DryRunFlags, type OutputFlags, withCoordinator, withDryRun, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags, DryRunFlags, SearchFlags {
  readonly detach?: boolean;
}

export function addRun(program: Command, cli: CliContext): void {
  const command = program
    .command('run')
    .description('search on a task and follow it to the end; Ctrl-C leaves it running')
    .argument('<task>', 'an imported task; doubleblind task ls lists them')
    .option('-d, --detach', "print the run's id and leave it running");
  withDryRun(withOutput(withPlace(withSearchDetails(withSearch(command))))).action(
    async (task: string, flags: Flags) => {
      await withCoordinator(cli, flags, async (coordinator, place) => {
        await checkTask(coordinator, task);
        const run = await coordinator.createRun(searchRequest(task, withoutDefault(flags)));
        await seeThrough(cli, { coordinator, place, run }, flags);
      });
    },
  );
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
