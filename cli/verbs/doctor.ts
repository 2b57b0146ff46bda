// `doctor`: what is there, what answers and what is missing. Changes nothing.

import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { runningCluster } from '../cluster/cluster-lock.ts';
import { type CliContext, findPlace, type Place, type PlaceFlags, printJson } from '../context.ts';
import { type Check, renderCheck } from '../doctor/check.ts';
import { clusterChecks, localLabelsChecks, setupChecks } from '../doctor/cluster.ts';
import { fleetChecks } from '../doctor/fleet.ts';
import { configuredRoles, hostChecks } from '../doctor/host.ts';
import {
  certificateChecks,
  certificatesIn,
  diskCheck,
  gpuCheck,
  isolationChecks,
  nodeCheck,
  secretsChecks,
} from '../doctor/machine.ts';
import { modelChecks } from '../doctor/model.ts';
import { exitCodes } from '../exit-codes.ts';
import { dockerSocket } from '../setup/docker-engine.ts';
import { type OutputFlags, withGateway, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly model?: string;
  readonly configDir: string;
}

export function addDoctor(program: Command, cli: CliContext): void {
  const command = program
    .command('doctor')
    .description('check this machine and its cluster or daemons, a fleet, or a model; leaves nothing changed')
    .option('--model <name>', 'ask each upstream of this model for one small turn: reachable, tools work, price known')
    .option('--config-dir <dir>', 'where the files of installed daemons are', '/etc/doubleblind');
  withOutput(withGateway(withPlace(command))).action(async (flags: Flags) => {
    const checks = await checksOf(cli, findPlace(cli, flags), flags);
    if (flags.output === 'json') printJson(cli.stdout, checks);
    else for (const check of checks) cli.stdout.write(renderCheck(check, cli));
    if (checks.some((check) => check.state === 'broken')) cli.exitCode = exitCodes.precondition;
  });
}

/** A model, a fleet elsewhere, the daemons that are installed here, or the local cluster: whatever was named or is there. */
async function checksOf(cli: CliContext, place: Place, flags: Flags): Promise<Check[]> {
  if (flags.model !== undefined) return await modelChecks(place, flags.model);
  const isNamed = flags.coordinator !== undefined || cli.env['DOUBLEBLIND_COORDINATOR'] !== undefined;
  if (isNamed) return [...(await machineChecks(cli, place)), ...(await fleetChecks(cli, flags))];
  const isLocal = runningCluster(place.stateDirectory) !== undefined;
  const directory = resolve(cli.cwd, flags.configDir);
  if (!isLocal && configuredRoles(directory).length > 0) {
    return [nodeCheck(), gpuCheck(cli), ...(await hostChecks(cli, place, directory))];
  }
  return [
    ...(await setupChecks(cli, place)),
    ...(await machineChecks(cli, place)),
    ...(await clusterChecks(place)),
    ...(isLocal ? await fleetChecks(cli, flags) : []),
    ...(await localLabelsChecks(cli, place)),
  ];
}

async function machineChecks(cli: CliContext, place: Place): Promise<Check[]> {
  const secrets = [join(place.stateDirectory, 'evaluator'), join(place.pkiDirectory, 'operator.key')];
  return [
    nodeCheck(),
    gpuCheck(cli),
    diskCheck([place.stateDirectory]),
    ...secretsChecks(secrets),
    ...(await certificateChecks(certificatesIn(place.pkiDirectory))),
    ...(await isolationChecks(dockerSocket(cli.env))),
  ];
}
