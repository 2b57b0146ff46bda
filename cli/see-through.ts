// A run that was just created, or for a dry run only planned: followed to its end unless detached, then its files are written and the exit code chosen.

import { type CliContext, type Place, printJson } from './context.ts';
import type { Run } from './core/model.ts';
import { exitCodes } from './exit-codes.ts';
import { followRun } from './follow.ts';
import { showPlannedRun } from './planned-run.ts';
import type { Coordinator } from './rpc/coordinator.ts';
import { handOver } from './run-end.ts';
import type { DryRunFlags, OutputFlags } from './verb.ts';

export async function seeThrough(
  cli: CliContext,
  { coordinator, place, run }: { readonly coordinator: Coordinator; readonly place: Place; readonly run: Run },
  flags: OutputFlags & DryRunFlags & { readonly detach?: boolean; readonly seed?: number },
): Promise<void> {
  if (flags.dryRun === true) {
    await showPlannedRun(cli, { coordinator, run }, flags);
    return;
  }
  if (flags.detach === true) {
    if (flags.output === 'json') printJson(cli.stdout, run);
    else cli.stdout.write(`${run.runId}\n`);
    return;
  }
  cli.stderr.write(`${cli.stderr.style.dim(`run ${run.runId} on ${run.task}; Ctrl-C leaves it running`)}\n`);
  const end = await followRun(cli, { coordinator, run, output: cli.stderr });
  if (end.kind === 'detached') {
    cli.stderr.write(`The run goes on. Follow it again: doubleblind watch ${run.runId}\n`);
    cli.exitCode = exitCodes.detached;
    return;
  }
  await handOver(cli, { coordinator, place }, end, { output: flags.output, verb: 'run' });
}
