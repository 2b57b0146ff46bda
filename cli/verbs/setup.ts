// `setup`: brings what a local cluster needs, and nothing else.

import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { type DoneStep, type Finding, planSteps, runSteps } from '../setup/step.ts';
import type { SetupResult } from '../setup/steps.ts';
import {
  type DryRunFlags,
  type OutputFlags,
  sayDryRun,
  stateDirectoryOption,
  withDryRun,
  withOutput,
} from '../verb.ts';

export function addSetup(program: Command, cli: CliContext): void {
  const command = program
    .command('setup')
    .description('bring what a local cluster needs: nats-server, Docker engine, sandbox image, certificates')
    .addOption(stateDirectoryOption());
  withDryRun(withOutput(command)).action(async (flags: PlaceFlags & OutputFlags & DryRunFlags) => {
    const dry = flags.dryRun === true;
    const steps = dry ? await planSetUp(cli, flags) : (await setUp(cli, flags)).steps;
    if (flags.output === 'json') printJson(cli.stdout, steps);
    if (dry) sayDryRun(cli);
  });
}

/** Before anything is made: the nearest directory that exists must take new files. mkdir itself can hang on file systems such as /proc. */
function refuseUnusable(stateDirectory: string): void {
  let place = stateDirectory;
  while (!existsSync(place)) place = dirname(place);
  const reason = !statSync(place).isDirectory()
    ? `${place} is not a directory`
    : /^\/(proc|sys)(\/|$)/.test(place)
      ? `${place} belongs to the kernel`
      : isWritable(place)
        ? undefined
        : `${place} cannot be written`;
  if (reason === undefined) return;
  throw new CliError(exitCodes.precondition, `${stateDirectory} cannot be the state directory: ${reason}.`, [
    'Name another place with --state-dir, or DOUBLEBLIND_STATE_DIR.',
  ]);
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Looks at the steps: what is there, and what would be brought. Throws as `setUp` would before it brings anything. */
export async function planSetUp(cli: CliContext, flags: PlaceFlags): Promise<readonly Finding[]> {
  const { inspectSetup } = await import('../setup/steps.ts');
  const place = findPlace(cli, flags);
  refuseUnusable(place.stateDirectory);
  const findings = await inspectSetup(cli, place);
  planSteps(findings, cli);
  return findings;
}

/** Runs the steps; what they made comes back. */
export async function setUp(
  cli: CliContext,
  flags: PlaceFlags,
): Promise<SetupResult & { readonly steps: readonly DoneStep[] }> {
  const { setupSteps } = await import('../setup/steps.ts');
  const { stateDirectory } = findPlace(cli, flags);
  refuseUnusable(stateDirectory);
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  chmodSync(stateDirectory, 0o700);
  const result: SetupResult = { sandboxImage: '' };
  const steps = await runSteps(setupSteps(cli, findPlace(cli, flags), result), cli);
  return { ...result, steps };
}
