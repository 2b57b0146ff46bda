// `replay RUN`: what the journal says happened, event by event. `replay --seed N`: one seed of the fault simulation again.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { dataPath } from '../cluster/layout.ts';
import { type CliContext, findPlace } from '../context.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { runScript } from '../spawned.ts';
import { type OutputFlags, stateDirectoryOption, wholeNumber, withOutput } from '../verb.ts';

/** Not part of the package. */
const simulation = 'test/sim/main-sim.ts';

interface Flags extends OutputFlags {
  readonly seed?: number;
  readonly journal?: string;
  readonly stateDir?: string;
}

export function addReplay(program: Command, cli: CliContext): void {
  const command = program
    .command('replay')
    .description("step through a run's events in the coordinator's journal, or through a seed of the fault simulation")
    .argument('[run]', "run, or its id's unique beginning")
    .option('--seed <number>', 'a seed of `npm run sim`; in a checkout of the sources alone', wholeNumber)
    .option('--journal <dir>', "the coordinator's state directory (default: that of the local cluster)")
    .addOption(stateDirectoryOption());
  withOutput(command).action(async (run: string | undefined, flags: Flags) => {
    if ((run === undefined) === (flags.seed === undefined)) {
      throw new CliError(exitCodes.usage, 'Name either a run or --seed.');
    }
    if (flags.seed !== undefined && !existsSync(join(cli.root, simulation))) {
      throw new CliError(exitCodes.precondition, 'The fault simulation belongs to the sources and is not installed.', [
        'Run it in a checkout of the same version: npm run sim, or doubleblind replay --seed N',
        'A run is replayed here as well: doubleblind replay RUN --journal DIR',
      ]);
    }
    const [script, words] =
      flags.seed === undefined
        ? ['coordinator/main-replay.ts', [directoryOf(cli, flags), run ?? '', flags.output]]
        : [simulation, ['--seed', String(flags.seed)]];
    cli.exitCode = (await runScript(cli, script as string, words as string[])) as ExitCode;
  });
}

function directoryOf(cli: CliContext, flags: Flags): string {
  return flags.journal ?? dataPath(findPlace(cli, flags), 'coordinator');
}
