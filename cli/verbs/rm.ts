// `rm RUN …`: forgets runs that have ended.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { runFolder } from '../run-end.ts';
import { type DryRunFlags, withCoordinator, withDryRun, withPlace } from '../verb.ts';

export function addRm(program: Command, cli: CliContext): void {
  const command = program
    .command('rm')
    .description('forget runs that have ended; their artifacts go within a day unless another run needs them')
    .argument('<run...>', "runs, or their ids' unique beginnings")
    .addHelpText(
      'after',
      `
Example:
  doubleblind rm digits-3f9a2c digits-77
Old runs go by themselves where the coordinator has retention.runDays. The evaluator's ledger keeps all of its records,
and what was written on this machine, runs/RUN in the state directory, stays.`,
    );
  withDryRun(withPlace(command)).action(async (ids: readonly string[], flags: PlaceFlags & DryRunFlags) => {
    await withCoordinator(cli, flags, async (coordinator, place) => {
      for (const id of ids) {
        const { runId } = await coordinator.getRun(id);
        await coordinator.deleteRun(runId);
        cli.stdout.write(`${runId}\n`);
        // A report, a program and a submission may be wanted long after the run: they are the user's to remove.
        const folder = runFolder(place.stateDirectory, runId);
        if (existsSync(folder)) cli.stderr.write(`Its report and files stay in ${folder}\n`);
      }
    });
  });
}
