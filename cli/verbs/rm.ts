// `rm RUN …`: forgets runs that have ended.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
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
Old runs go by themselves where the coordinator has retention.runDays. The evaluator's ledger keeps all of its records.`,
    );
  withDryRun(withPlace(command)).action(async (ids: readonly string[], flags: PlaceFlags & DryRunFlags) => {
    await withCoordinator(cli, flags, async (coordinator) => {
      for (const id of ids) {
        const { runId } = await coordinator.getRun(id);
        await coordinator.deleteRun(runId);
        cli.stdout.write(`${runId}\n`);
      }
    });
  });
}
