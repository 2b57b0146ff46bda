// `fork RUN`: a new run of the same task that begins with the scored candidates of another one.

import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { type SearchFlags, searchRequest, withForkDetails, withForkSearch } from '../run-request.ts';
import { seeThrough } from '../see-through.ts';
import {
  type DryRunFlags,
  type OutputFlags,
  positiveWhole,
  withCoordinator,
  withDryRun,
  withOutput,
  withPlace,
} from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags, DryRunFlags, SearchFlags {
  readonly detach?: boolean;
  readonly top?: number;
}

export function addFork(program: Command, cli: CliContext): void {
  const command = program
    .command('fork')
    .description('go on from a run in a new one that begins with its scored candidates; what is not named is as there')
    .argument('<run>', "run, or its id's unique beginning; it may go on, or have ended")
    .option('--top <n>', 'begin with so many of the best (all)', positiveWhole)
    .option('-d, --detach', "print the run's id and leave it running")
    .addHelpText(
      'after',
      `
Examples:
  doubleblind fork digits-3f9a2c -c 20 -b 1h            twenty candidates more, in an hour
  doubleblind fork digits-3f9a2c --top 5 --temperature 1 --guidance "only linear models"
A run that has not ended gets larger budgets with: doubleblind extend
The evaluator counts the queries of a run and of all its forks together.`,
    );
  withDryRun(withOutput(withPlace(withForkDetails(withForkSearch(command))))).action(
    async (id: string, flags: Flags) => {
      await withCoordinator(cli, flags, async (coordinator, place) => {
        const { runId, task } = await coordinator.getRun(id);
        // commander says `true` for --no-repair that was not given; that is no wish.
        const { repair, ...rest } = flags;
        const { options } = searchRequest(task, repair === false ? { ...rest, repair } : rest);
        const run = await coordinator.forkRun({ requestId: randomUUID(), runId, top: flags.top, options });
        await seeThrough(cli, { coordinator, place, run }, flags);
      });
    },
  );
}
