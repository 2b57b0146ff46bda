// `down`: stops the cluster of a state directory.

import type { Command } from 'commander';
import { isAlive, runningCluster } from '../cluster/cluster-lock.ts';
import { type CliContext, findPlace, type PlaceFlags } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';

/** The longest stop of a daemon is 15 s, and they stop one after the other. */
const patienceMs = 90_000;

export function addDown(program: Command, cli: CliContext): void {
  program
    .command('down')
    .description('stop the cluster that `up` started; its runs go on when it is up again')
    .option('--state-dir <dir>', 'state of the local cluster (default: .doubleblind in the checkout)')
    .action(async (flags: PlaceFlags) => {
      const { stateDirectory } = findPlace(cli, flags);
      const record = runningCluster(stateDirectory);
      if (record === undefined) {
        cli.stderr.write(`No cluster is running in ${stateDirectory}.\n`);
        return;
      }
      process.kill(record.pid, 'SIGTERM');
      const until = performance.now() + patienceMs;
      while (isAlive(record.pid)) {
        if (performance.now() > until || cli.signal.aborted) {
          throw new CliError(exitCodes.failure, `The cluster (process ${record.pid}) is still stopping.`, [
            'doubleblind logs coordinator -f may tell what it waits for.',
          ]);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      cli.stderr.write('The cluster has stopped.\n');
    });
}
