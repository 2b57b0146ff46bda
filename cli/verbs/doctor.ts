// `doctor`: what is there, what answers and what is missing. Changes nothing.

import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { runningCluster } from '../cluster/cluster-lock.ts';
import { type DaemonName, daemonNames } from '../cluster/layout.ts';
import { type CliContext, findPlace, type Place, type PlaceFlags, printJson } from '../context.ts';
import type { Host } from '../core/model.ts';
import { bytes, dollars, duration, plural } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { exitCodes } from '../exit-codes.ts';
import { dockerSocket, imageTags } from '../setup/docker-engine.ts';
import { findGpus } from '../setup/gpus.ts';
import { inspectSteps } from '../setup/step.ts';
import { runQuietly } from '../spawned.ts';
import { type OutputFlags, withCoordinator, withGateway, withOutput, withPlace } from '../verb.ts';

interface Check {
  readonly name: string;
  readonly state: 'ok' | 'absent' | 'broken';
  readonly detail: string;
  /** What to do about it. */
  readonly next: readonly string[];
}

interface Flags extends PlaceFlags, OutputFlags {
  readonly model?: string;
}

/** Below this a run soon fails for want of space. */
const leastFreeBytes = 2 * 2 ** 30;

export function addDoctor(program: Command, cli: CliContext): void {
  const command = program
    .command('doctor')
    .description('check this machine and its cluster, or a model; leaves nothing changed')
    .option('--model <name>', 'ask each upstream of this model for one small turn: reachable, tools work, price known');
  withOutput(withGateway(withPlace(command))).action(async (flags: Flags) => {
    const place = findPlace(cli, flags);
    const checks =
      flags.model === undefined ? await machineChecks(cli, place, flags) : await modelChecks(place, flags.model);
    if (flags.output === 'json') printJson(cli.stdout, checks);
    else for (const check of checks) cli.stdout.write(render(check, cli));
    if (checks.some((check) => check.state === 'broken')) cli.exitCode = exitCodes.precondition;
  });
}

async function machineChecks(cli: CliContext, place: Place, flags: Flags): Promise<Check[]> {
  // One elsewhere is looked at from here; this machine then needs no cluster of its own.
  const named = flags.coordinator !== undefined || cli.env['DOUBLEBLIND_COORDINATOR'] !== undefined;
  return [
    nodeCheck(),
    ...(named ? [] : await setupChecks(cli, place)),
    gpuCheck(cli),
    diskCheck(place),
    ...secretsChecks(place),
    ...(await certificateChecks(place)),
    ...(await isolationChecks(cli)),
    ...(await clusterChecks(place, named)),
    ...(await fleetChecks(cli, place, flags, named)),
    ...(await labelsChecks(cli, place)),
  ];
}

/** Three checks for each upstream of the model. */
async function modelChecks(place: Place, model: string): Promise<Check[]> {
  const { checkModel } = await import('../rpc/gateway.ts');
  const found = await checkModel(place, model);
  return found.flatMap((one): Check[] => {
    const at = `${one.upstream}/${one.model}`;
    const answered = `answered in ${duration(one.seconds)}`;
    const says = oneLine(one.detail);
    return [
      one.reachable
        ? { name: 'Reachable', state: 'ok', detail: `${at} ${answered}`, next: [] }
        : { name: 'Reachable', state: 'broken', detail: `${at}: ${says}`, next: ['Check its baseUrl and key file.'] },
      toolsCheck(one.toolsWork, one.languageModel, at, says),
      one.priceKnown
        ? { name: 'Price', state: 'ok', detail: `${at}: the turn cost ${dollars(one.dollars)}`, next: [] }
        : {
            name: 'Price',
            state: 'broken',
            detail: `${at} has none, so no budget of dollars can stop it`,
            next: ['Set inputDollarsPerMillion and outputDollarsPerMillion of the model; 0 where it is free.'],
          },
    ];
  });
}

function toolsCheck(work: boolean, languageModel: boolean, at: string, says: string): Check {
  if (!languageModel) return { name: 'Tools', state: 'ok', detail: `${at} is rules, not a language model`, next: [] };
  if (work) return { name: 'Tools', state: 'ok', detail: `${at} called one as it was told`, next: [] };
  return { name: 'Tools', state: 'broken', detail: `${at}: ${says}`, next: ['Agents need a model that calls tools.'] };
}

function render(check: Check, cli: CliContext): string {
  const { style } = cli.stdout;
  const marks = { ok: style.good('✓'), absent: style.dim('–'), broken: style.bad('✗') };
  const next = check.next.map((line) => `    ${line}\n`).join('');
  return `${marks[check.state]} ${check.name.padEnd(16)} ${check.detail}\n${next}`;
}

function nodeCheck(): Check {
  return { name: 'Node', state: 'ok', detail: process.versions.node, next: [] };
}

async function setupChecks(cli: CliContext, place: Place): Promise<Check[]> {
  const { setupSteps } = await import('../setup/steps.ts');
  const findings = await inspectSteps(setupSteps(cli, place, { sandboxImage: '' }));
  const images = await imageTags(dockerSocket(cli.env), 'doubleblind/sandbox-cpu');
  return findings.map(({ name, found, missing }): Check => {
    if (name === 'Sandbox image' && images.length > 0)
      return { name, state: 'ok', detail: images.join(', '), next: [] };
    if (found !== undefined) return { name, state: 'ok', detail: found, next: [] };
    if (missing !== undefined) return { name, state: 'broken', detail: missing.what, next: missing.commands };
    return { name, state: 'absent', detail: 'not there yet; doubleblind setup brings it', next: [] };
  });
}

function gpuCheck(cli: CliContext): Check {
  const gpus = findGpus(cli.env);
  const detail = gpus.length === 0 ? 'none; attempts run on CPU slots' : gpus.join(', ');
  return { name: 'GPU', state: gpus.length === 0 ? 'absent' : 'ok', detail, next: [] };
}

function diskCheck(place: Place): Check {
  const directory = existsSync(place.stateDirectory) ? place.stateDirectory : '.';
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free >= leastFreeBytes) return { name: 'Disk', state: 'ok', detail: `${bytes(free)} free`, next: [] };
  return {
    name: 'Disk',
    state: 'broken',
    detail: `only ${bytes(free)} free for ${place.stateDirectory}`,
    next: ['Free some space.'],
  };
}

/** Labels and keys must be nobody else's to read. */
function secretsChecks(place: Place): Check[] {
  const paths = [join(place.stateDirectory, 'evaluator'), join(place.pkiDirectory, 'operator.key')];
  return paths
    .filter((path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0)
    .map((path) => ({
      name: 'Permissions',
      state: 'broken',
      detail: `${path} can be read by others`,
      next: [`chmod go= ${path}`],
    }));
}

/** Below this somebody should issue a new one; `up` does so by itself. */
const soonDays = 30;

async function certificateChecks({ pkiDirectory }: Place): Promise<Check[]> {
  const files = existsSync(pkiDirectory) ? readdirSync(pkiDirectory).filter((name) => name.endsWith('.crt')) : [];
  if (files.length === 0) return [];
  const { describeCertificate } = await import('../../shared/pki/authority.ts');
  const left = files.map((file) => {
    const { notAfter } = describeCertificate(readFileSync(join(pkiDirectory, file)));
    return { file, days: Math.floor((notAfter.getTime() - Date.now()) / 86_400_000) };
  });
  const [first = { file: '', days: 0 }] = left.sort((one, other) => one.days - other.days);
  const name = 'Certificates';
  if (first.days >= soonDays) {
    return [
      { name, state: 'ok', detail: `${files.length}, the first ends in ${first.days} days (${first.file})`, next: [] },
    ];
  }
  const detail = first.days < 0 ? `${first.file} has expired` : `${first.file} ends in ${first.days} days`;
  const next = ['Issue it anew: doubleblind pki init or pki issue; docs/operations.md says how daemons take it.'];
  return [{ name, state: 'broken', detail, next }];
}

/** How the engine separates sandboxes from the host, and what is known against it. */
async function isolationChecks(cli: CliContext): Promise<Check[]> {
  const { engineFacts } = await import('../setup/docker-engine.ts');
  const facts = await engineFacts(dockerSocket(cli.env));
  if (facts === undefined) return [];
  const { runtimeAdvisories } = await import('../../shared/sandbox/runtime-advisories.ts');
  const { components, securityOptions, runtimes } = facts;
  const remapped = securityOptions.some((option) => option.includes('name=userns'));
  const words = [
    securityOptions.some((option) => option.includes('name=seccomp')) ? 'seccomp' : 'no seccomp',
    remapped ? 'users remapped' : 'users not remapped',
    runtimes.includes('runsc') ? 'gVisor there' : 'no gVisor',
  ];
  const isolation: Check = { name: 'Isolation', state: 'ok', detail: words.join(', '), next: [] };
  const known = runtimeAdvisories(components).map(
    ({ cve, text }): Check => ({
      name: 'Runtime',
      state: 'absent',
      detail: `${cve}, see whether it is mended`,
      next: [text],
    }),
  );
  return [isolation, ...known];
}

/** Clocks decide nothing here, but certificates and the reading of logs want them together. */
const mostClockSkewSeconds = 5;

/** The coordinator that was named, or that runs here: its hosts, and its clock beside ours. */
async function fleetChecks(cli: CliContext, place: Place, flags: Flags, named: boolean): Promise<Check[]> {
  if (!named && runningCluster(place.stateDirectory) === undefined) return [];
  try {
    return await withCoordinator(cli, flags, async (coordinator) => {
      const [hosts, ahead] = [await coordinator.listHosts(), await coordinator.clockAheadSeconds()];
      return [hostsCheck(hosts), clockCheck(ahead)];
    });
  } catch (error) {
    const detail = oneLine(error instanceof Error ? error.message : String(error));
    return [{ name: 'Fleet', state: 'broken', detail, next: [] }];
  }
}

function hostsCheck(hosts: readonly Host[]): Check {
  const away = hosts.filter(({ state }) => state !== 'ready');
  const ill = hosts.flatMap(({ host, slots }) =>
    slots
      .filter(({ health }) => health !== 'healthy')
      .map(({ slotId, healthReason }) => `${host} ${slotId}: ${healthReason}`),
  );
  const slots = hosts.reduce((sum, host) => sum + host.slots.length, 0);
  const detail = `${plural(hosts.length, 'host')}, ${hosts.length - away.length} ready, ${plural(slots, 'slot')}`;
  const next = [...away.map(({ host, state, reason }) => `${host} is ${state}: ${reason}`), ...ill].map(oneLine);
  const lost = hosts.length === 0 || away.some(({ state }) => state === 'lost' || state === 'quarantined');
  return { name: 'Fleet', state: lost ? 'broken' : 'ok', detail, next };
}

function clockCheck(ahead: number): Check {
  const detail = `the coordinator's is ${Math.abs(ahead).toFixed(1)} s ${ahead < 0 ? 'behind' : 'ahead'}`;
  if (Math.abs(ahead) <= mostClockSkewSeconds) return { name: 'Clock', state: 'ok', detail, next: [] };
  return {
    name: 'Clock',
    state: 'broken',
    detail,
    next: ['Let both machines keep time, for example with systemd-timesyncd.'],
  };
}

/** Looks out of a sandbox: where there is an engine and an image, one is made as attempts have it, and removed. */
async function labelsChecks(cli: CliContext, place: Place): Promise<Check[]> {
  const socket = dockerSocket(cli.env);
  if ((await imageTags(socket, 'doubleblind/sandbox-cpu')).length === 0) return [];
  const { evaluator = '127.0.0.1:7443' } = runningCluster(place.stateDirectory)?.addresses ?? {};
  const hidden = [place.stateDirectory, place.pkiDirectory, '/var/lib/doubleblind', '/etc/doubleblind', socket];
  const { status, output } = await runQuietly(cli, 'gpu-agent/main-sandbox-check.ts', [
    ...['--docker-socket', socket, '--unreachable', evaluator],
    ...hidden.flatMap((path) => ['--unseen', path]),
  ]);
  const name = 'Labels';
  if (status !== 0) return [{ name, state: 'broken', detail: oneLine(output), next: [] }];
  const { sees } = JSON.parse(output) as { sees: string[] };
  if (sees.length === 0) {
    const detail = 'a sandbox has no network, and sees neither the evaluator nor anything of ours on this machine';
    return [{ name, state: 'ok', detail, next: [] }];
  }
  const next = ['Run nothing on this host until that has an explanation: SECURITY.md.'];
  return [{ name, state: 'broken', detail: `a sandbox reaches ${sees.join(', ')}`, next }];
}

async function clusterChecks(place: Place, named: boolean): Promise<Check[]> {
  const record = runningCluster(place.stateDirectory);
  if (record === undefined && named) return [];
  if (record === undefined) {
    return [{ name: 'Cluster', state: 'absent', detail: 'none is running here; doubleblind up starts one', next: [] }];
  }
  const { operatorTls } = await import('../rpc/coordinator.ts');
  const { probe } = await import('../rpc/probes.ts');
  const tls = operatorTls(place);
  const check = async (name: DaemonName): Promise<Check> => {
    const address = record.addresses[name] ?? '';
    try {
      await probe(name, address, tls, 5000);
      return { name, state: 'ok', detail: `serves at ${address}`, next: [] };
    } catch (error) {
      const detail = oneLine(error instanceof Error ? error.message : String(error));
      return { name, state: 'broken', detail, next: [`doubleblind logs ${name}`, ...lastLogLine(place, name)] };
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
