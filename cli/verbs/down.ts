// `down`: stops the cluster of a state directory.

import type { Command } from 'commander';
import { isAlive, runningCluster } from '../cluster/cluster-lock.ts';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import {
  type DryRunFlags,
  type OutputFlags,
  sayDryRun,
  stateDirectoryOption,
  withDryRun,
  withOutput,
} from '../verb.ts';

/** The longest stop of a daemon is 15 s, and they stop one after the other. */
const patienceMs = 90_000;

export function addDown(program: Command, cli: CliContext): void {
  const command = program
    .command('down')
    .description('stop the cluster that `up` started; its runs go on when it is up again')
    .addOption(stateDirectoryOption());
  withDryRun(withOutput(command)).action(async (flags: PlaceFlags & OutputFlags & DryRunFlags) => {
    const { stateDirectory } = findPlace(cli, flags);
    const record = runningCluster(stateDirectory);
    const dry = flags.dryRun === true;
    if (record !== undefined && !dry) await stop(record.pid, cli);
    if (flags.output === 'json') printJson(cli.stdout, { stateDirectory, stopped: record !== undefined });
    else if (record === undefined) cli.stderr.write(`No cluster is running in ${stateDirectory}.\n`);
    else if (dry)
      cli.stderr.write(`The cluster (process ${record.pid}, since ${record.startedAt}) would be stopped.\n`);
    else cli.stderr.write('The cluster has stopped.\n');
    if (dry) sayDryRun(cli);
  });
}

async function stop(pid: number, cli: CliContext): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const until = performance.now() + patienceMs;
  while (isAlive(pid)) {
    if (performance.now() > until || cli.signal.aborted) {
      throw new CliError(exitCodes.failure, `The cluster (process ${pid}) is still stopping.`, [
        'doubleblind logs coordinator -f may tell what it waits for.',
      ]);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
