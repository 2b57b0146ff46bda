// A host of a fleet: the daemons that have a file in /etc/doubleblind, as systemd runs them. Each is read as the daemon itself would read
// it; Docker is asked only through the sandbox proxy, as the gpu-agent does.

import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CliContext, Place } from '../context.ts';
import { plural } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { shortImageId } from '../setup/docker-engine.ts';
import { runQuietly } from '../spawned.ts';
import { readUnits, type Unit } from '../units.ts';
import { roles } from '../verbs/config-check.ts';
import { absent, broken, type Check, ok } from './check.ts';
import { fleetChecks } from './fleet.ts';
import { advisoryChecks, certificateChecks, diskCheck, labelsCheck, secretsChecks } from './machine.ts';

type Role = (typeof roles)[number];

/** The daemons that are configured in a directory. */
export function configuredRoles(directory: string): Role[] {
  return roles.filter((role) => existsSync(join(directory, `${role}.yaml`)));
}

/** A daemon of this host. */
interface Daemon {
  readonly role: Role;
  readonly file: string;
  /** By key, such as `tls.key`; empty where the file is wrong. */
  readonly settings: ReadonlyMap<string, unknown>;
  readonly problems: readonly string[];
  /** What is said in vain: `tls.key of FILE`. */
  readonly unheard: readonly string[];
}

export async function hostChecks(cli: CliContext, place: Place, directory: string): Promise<Check[]> {
  const found = configuredRoles(directory);
  const units = await readUnits(cli, [...roles.map(unitOf), 'nats-server']);
  const daemons = await Promise.all(found.map((role) => readDaemon(cli, directory, role, units)));
  return [
    lookedAt(directory, daemons, units),
    ...daemons.map(fileCheck),
    ...unitChecks(daemons, units),
    diskCheck(texts(daemons, 'stateDirectory')),
    ...secretsChecks([...keysIn(directory, daemons), join(place.pkiDirectory, 'operator.key')]),
    ...(await certificateChecks(
      unique([...texts(daemons, 'tls.certificate'), ...texts(daemons, 'tls.ca')]).filter(isReadable),
    )),
    ...(await pairChecks(directory, daemons)),
    ...(await endpointChecks(place, directory, daemons)),
    ...(await sandboxChecks(cli, directory, daemons)),
    ...(await fleetOf(cli, place, daemons)),
  ];
}

function unitOf(role: Role): string {
  return `doubleblind-${role}`;
}

async function readDaemon(
  cli: CliContext,
  directory: string,
  role: Role,
  units: ReadonlyMap<string, Unit> | undefined,
): Promise<Daemon> {
  const file = join(directory, `${role}.yaml`);
  // The unit's own flags count as well: they are what is running.
  const flags = units?.get(unitOf(role))?.flags ?? [];
  const words = [role, '--json', '--config', file, ...(flags.length === 0 ? [] : ['--', ...flags])];
  const { status, output } = await runQuietly(cli, 'deploy/bin/main-show-config.ts', words);
  if (status !== 0) {
    const problems = output.trim().split('\n').slice(1).map(oneLine);
    return { role, file, settings: new Map(), problems, unheard: [] };
  }
  const rows = JSON.parse(output) as Row[];
  const settings = new Map(
    rows.flatMap(({ key, value }) => (value === undefined ? [] : [[key, parsed(value)] as const])),
  );
  const unheard = rows.flatMap(({ key, origin, overridden }) =>
    overridden.map((said) => `${key} of ${said.origin} is not used: ${origin} says otherwise`),
  );
  return { role, file, settings, problems: [], unheard };
}

interface Row {
  readonly key: string;
  /** JSON; absent where it is not set. */
  readonly value?: string;
  readonly origin: string;
  readonly overridden: readonly { readonly origin: string }[];
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    // A secret, which is not shown.
    return undefined;
  }
}

function lookedAt(directory: string, daemons: readonly Daemon[], units: ReadonlyMap<string, Unit> | undefined): Check {
  const files = daemons.map(({ role }) => `${role}.yaml`).join(', ');
  const systemd = units === undefined ? 'no systemd, which is not there to ask' : 'the units of systemd';
  const docker = has(daemons, 'gpu-agent')
    ? 'Docker through the sandbox proxy alone'
    : 'no Docker, as no agent is here';
  return ok('Looked at', `${files} in ${directory}; ${systemd}; ${docker}`);
}

function fileCheck({ role, file, problems, unheard }: Daemon): Check {
  if (problems.length > 0) return broken('Settings', `${file} is not taken`, problems);
  return ok('Settings', `${role}: ${file}`, unheard);
}

function unitChecks(daemons: readonly Daemon[], units: ReadonlyMap<string, Unit> | undefined): Check[] {
  if (units === undefined) return [];
  const wanted = daemons.map(({ role }) => unitOf(role));
  const nats = units.has('nats-server') ? ['nats-server'] : [];
  // The agent asks it, whether it has a file or not.
  const proxy = has(daemons, 'gpu-agent') && !has(daemons, 'sandbox-proxy') ? [unitOf('sandbox-proxy')] : [];
  return [...wanted, ...proxy, ...nats].map((name) => unitCheck(name, units.get(name)));
}

function unitCheck(name: string, unit: Unit | undefined): Check {
  if (unit === undefined) return absent('Unit', `${name} is none of systemd's here`);
  const { active, sub, restarts, result } = unit;
  const again = restarts === 0 ? '' : `, started again ${plural(restarts, 'time')}`;
  const look = [`journalctl -u ${name} -n 50`];
  if (active === 'active') return ok('Unit', `${name} is ${sub}${again}`, restarts === 0 ? [] : look);
  if (active === 'inactive' && result === 'success')
    return absent('Unit', `${name} is not running`, [`systemctl start ${name}`]);
  return broken('Unit', `${name} is ${active} (${sub}, ${result})${again}`, look);
}

/** Keys as they lie in the directory, and as the daemons get them. */
function keysIn(directory: string, daemons: readonly Daemon[]): string[] {
  return unique([...daemons.map(({ role }) => join(directory, 'pki', `${role}.key`)), ...texts(daemons, 'tls.key')]);
}

/** Whether each key belongs to its certificate, where we may read it: both as the daemon uses them and as they would be taken next. */
async function pairChecks(directory: string, daemons: readonly Daemon[]): Promise<Check[]> {
  const { readTlsFiles } = await import('../../shared/rpc/tls-files.ts');
  return daemons.flatMap((daemon) => {
    const [ca, certificate] = [text(daemon, 'tls.ca'), text(daemon, 'tls.certificate')];
    if (ca === undefined || certificate === undefined) return [];
    const own = join(directory, 'pki', `${daemon.role}.key`);
    return unique([text(daemon, 'tls.key') ?? own, own])
      .filter(isReadable)
      .flatMap((key): Check[] => {
        try {
          readTlsFiles({ ca, certificate, key });
          return [];
        } catch (error) {
          const next = [
            'A daemon goes on with the pair before, and would not start: carry both files of one `pki issue`.',
          ];
          return [broken('Certificates', error instanceof Error ? error.message : String(error), next)];
        }
      });
  });
}

/** Where something must answer: each daemon's own address, and those that it asks. */
async function endpointChecks(place: Place, directory: string, daemons: readonly Daemon[]): Promise<Check[]> {
  const { probe } = await import('../rpc/probes.ts');
  const endpoints = new Map<string, readonly [ProbeName, string]>();
  const add = (name: ProbeName, address: string | undefined): void => {
    if (address !== undefined && address !== '') endpoints.set(`${name} ${address}`, [name, address]);
  };
  for (const daemon of daemons) {
    if (daemon.role !== 'sandbox-proxy') add(daemon.role, here(text(daemon, 'listen')));
    add('evaluator', text(daemon, 'evaluator.address'));
    add('llm-gateway', text(daemon, 'gateway.address'));
    add('coordinator', text(daemon, 'coordinator.address'));
    const servers = daemon.settings.get('nats.servers');
    for (const server of Array.isArray(servers) ? servers : []) add('nats', String(server));
  }
  const tls = identityOf(place, directory, daemons);
  return await Promise.all(
    [...endpoints.values()].map(async ([name, address]): Promise<Check> => {
      if (tls === undefined && name !== 'nats')
        return absent(name, `${address} was not asked: no key here that this user may read`, ['Ask again as root.']);
      try {
        await probe(name, address, tls ?? { ca: '', certificate: '', key: '' }, 5000);
        return ok(name, `serves at ${address}`);
      } catch (error) {
        // Whoever refuses us for our role has answered, and has proved its own.
        if (error instanceof Error && 'code' in error && error.code === 'permissionDenied')
          return ok(name, `serves at ${address}`);
        return broken(name, oneLine(error instanceof Error ? error.message : String(error)));
      }
    }),
  );
}

type ProbeName = Exclude<Role, 'sandbox-proxy'> | 'nats';

/** An operator's certificate, else that of a daemon here: any of the fleet's may ask whether somebody is there. */
function identityOf(place: Place, directory: string, daemons: readonly Daemon[]) {
  const pairs = [
    ...[{ ca: 'ca.crt', certificate: 'operator.crt', key: 'operator.key' }].map(({ ca, certificate, key }) => ({
      ca: join(place.pkiDirectory, ca),
      certificate: join(place.pkiDirectory, certificate),
      key: join(place.pkiDirectory, key),
    })),
    ...daemons.map((daemon) => ({
      ca: text(daemon, 'tls.ca') ?? '',
      certificate: text(daemon, 'tls.certificate') ?? '',
      key: join(directory, 'pki', `${daemon.role}.key`),
    })),
  ];
  return pairs.find((pair) => Object.values(pair).every(isReadable));
}

/** The proxy answers as it answers the agent; where this user may put a bundle down, one sandbox looks out. */
async function sandboxChecks(cli: CliContext, directory: string, daemons: readonly Daemon[]): Promise<Check[]> {
  const agent = daemons.find(({ role }) => role === 'gpu-agent');
  const socket = agent === undefined ? undefined : text(agent, 'sandbox.proxySocket');
  if (agent === undefined || socket === undefined) return [];
  if (!existsSync(socket)) {
    return [broken('Sandbox proxy', `nothing listens at ${socket}`, ['systemctl start doubleblind-sandbox-proxy'])];
  }
  const { connectContainerHost } = await import('../../shared/sandbox/proxy-client.ts');
  try {
    const { engineVersion, imageDigest, components = [], keepsContainers } = await connectContainerHost(socket).check();
    const bundles = join(text(agent, 'stateDirectory') ?? '', 'bundles');
    const coordinator = daemons.find(({ role }) => role === 'coordinator');
    const evaluator = coordinator === undefined ? undefined : text(coordinator, 'evaluator.address');
    const look = {
      unreachable: evaluator === undefined ? [] : [evaluator],
      unseen: unique([directory, '/var/lib/doubleblind', ...texts(daemons, 'stateDirectory'), socket]),
      maker: ['--proxy-socket', socket, '--bundles', bundles],
    };
    return [
      ok('Sandbox proxy', `engine ${engineVersion}, image ${shortImageId(imageDigest)}`),
      ...(await advisoryChecks(components)),
      ...(keepsContainers === false ? [endsContainers] : []),
      ...(isWritable(bundles) ? [await labelsCheck(cli, look)] : []),
    ];
  } catch (error) {
    return [broken('Sandbox proxy', oneLine(error instanceof Error ? error.message : String(error)))];
  }
}

/** Nothing is lost by it, but work that might be hours old is begun anew. */
const endsContainers = absent('Engine', 'a restart of Docker ends the sandboxes at work', [
  'Say "live-restore": true in /etc/docker/daemon.json and then: systemctl reload docker',
]);

async function fleetOf(cli: CliContext, place: Place, daemons: readonly Daemon[]): Promise<Check[]> {
  const coordinator = daemons.find(({ role }) => role === 'coordinator');
  const agent = daemons.find(({ role }) => role === 'gpu-agent');
  const address =
    (coordinator && here(text(coordinator, 'listen'))) ?? (agent && text(agent, 'coordinator.address')) ?? undefined;
  if (address === undefined) return [];
  if (!isReadable(join(place.pkiDirectory, 'operator.key'))) {
    return [absent('Fleet', 'not asked: this user has no certificate of an operator')];
  }
  return await fleetChecks(cli, { coordinator: address, pkiDir: place.pkiDirectory });
}

/** From here, what listens everywhere is reached at the loopback. */
function here(listen: string | undefined): string | undefined {
  return listen?.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:');
}

function has(daemons: readonly Daemon[], role: Role): boolean {
  return daemons.some((daemon) => daemon.role === role);
}

function text({ settings }: Daemon, key: string): string | undefined {
  const value = settings.get(key);
  return typeof value === 'string' ? value : undefined;
}

function texts(daemons: readonly Daemon[], key: string): string[] {
  return unique(daemons.flatMap((daemon) => text(daemon, key) ?? []));
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

function isReadable(path: string): boolean {
  return may(path, constants.R_OK);
}

function isWritable(path: string): boolean {
  return may(path, constants.W_OK);
}
