// The local cluster of `up`: what set-up brings, whether each daemon serves, and what a sandbox sees.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runningCluster } from '../cluster/cluster-lock.ts';
import { type DaemonName, daemonNames } from '../cluster/layout.ts';
import type { CliContext, Place } from '../context.ts';
import { oneLine } from '../core/text.ts';
import { dockerSocket, imageIdOf, sandboxImageName } from '../setup/docker-engine.ts';
import { absent, broken, type Check, ok } from './check.ts';
import { labelsCheck } from './machine.ts';

export async function setupChecks(cli: CliContext, place: Place): Promise<Check[]> {
  const { inspectSetup } = await import('../setup/steps.ts');
  const findings = await inspectSetup(cli, place);
  return findings.map(({ name, found, missing }): Check => {
    if (found !== undefined) return ok(name, found);
    if (missing !== undefined) return broken(name, missing.what, missing.commands);
    return absent(name, 'not there yet; doubleblind setup brings it');
  });
}

export async function clusterChecks(place: Place): Promise<Check[]> {
  const record = runningCluster(place.stateDirectory);
  if (record === undefined) return [absent('Cluster', 'none is running here; doubleblind up starts one')];
  const { operatorTls } = await import('../rpc/coordinator.ts');
  const { probe } = await import('../rpc/probes.ts');
  const tls = operatorTls(place);
  const check = async (name: DaemonName): Promise<Check> => {
    const address = record.addresses[name] ?? '';
    try {
      await probe(name, address, tls, 5000);
      return ok(name, `serves at ${address}`);
    } catch (error) {
      const detail = oneLine(error instanceof Error ? error.message : String(error));
      return broken(name, detail, [`doubleblind logs ${name}`, ...lastLogLine(place, name)]);
    }
  };
  return await Promise.all(daemonNames.map(check));
}

function lastLogLine(place: Place, name: DaemonName): string[] {
  const path = join(place.stateDirectory, 'logs', `${name}.log`);
  if (!existsSync(path)) return [];
  const line = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  return line === '' ? [] : [`last line: ${oneLine(line).slice(0, 200)}`];
}

/** Where there is an engine and an image. */
export async function localLabelsChecks(cli: CliContext, place: Place): Promise<Check[]> {
  const socket = dockerSocket(cli.env);
  if ((await imageIdOf(socket, sandboxImageName)) === undefined) return [];
  const { evaluator = '127.0.0.1:7443' } = runningCluster(place.stateDirectory)?.addresses ?? {};
  const unseen = [place.stateDirectory, place.pkiDirectory, '/var/lib/doubleblind', '/etc/doubleblind', socket];
  return [await labelsCheck(cli, { unreachable: [evaluator], unseen, maker: ['--docker-socket', socket] })];
}
