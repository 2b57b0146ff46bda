// `watch`: follows a run to its end, and then hands it over as `run` does: a run that was detached or left has no other end.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { followRun } from '../follow.ts';
import { exitCodeOf, handOver } from '../run-end.ts';
import { chooseRun, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';

export function addWatch(program: Command, cli: CliContext): void {
  const command = program
    .command('watch')
    .description(
      'follow a run to its end (the newest one unless named) and write its report, program and submission; JSON has one event a line and writes nothing; Ctrl-C leaves it running',
    )
    .argument('[run]', "run, or its id's unique beginning");
  withOutput(withPlace(command)).action(async (id: string | undefined, flags: PlaceFlags & OutputFlags) => {
    await withCoordinator(cli, flags, async (coordinator, place) => {
      const run = await chooseRun(coordinator, id);
      if (flags.output === 'json') {
        for await (const event of coordinator.watchRun(run.runId, 0, cli.signal)) {
          cli.stdout.write(`${JSON.stringify(event)}\n`);
        }
        cli.exitCode = cli.signal.aborted ? exitCodes.detached : exitCodeOf(await coordinator.getRun(run.runId), 'run');
        return;
      }
      const end = await followRun(cli, { coordinator, run, output: cli.stdout });
      if (end.kind === 'detached') {
        cli.stderr.write(`The run goes on. Follow it again: doubleblind watch ${run.runId}\n`);
        cli.exitCode = exitCodes.detached;
        return;
      }
      await handOver(cli, { coordinator, place }, end, { output: 'table', verb: 'run' });
    });
  });
}
