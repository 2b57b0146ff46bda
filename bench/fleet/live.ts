// One fleet of real processes, measured while it is at work.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Coordinator, connectCoordinator } from '../../cli/rpc/coordinator.ts';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { nodeFlags } from '../../shared/daemon/node-flags.ts';
import { createLocalPki, issueCertificate } from '../../shared/pki/authority.ts';
import { freePortBase } from '../../test/support/cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { cpuSecondsOf, endProcess, memoryOf } from '../processes.ts';
import type { FromHosts, ToHosts } from './channel.ts';

export interface LiveOptions {
  readonly hosts: number;
  readonly slots: number;
  readonly jobSeconds: number;
  readonly settleSeconds: number;
  /** Term of a lease. */
  readonly leaseSeconds: number;
  readonly seconds: number;
  readonly directory: string;
  readonly pki: string;
  /** The coordinator's; empty, or with the journal of a run that goes on. */
  readonly stateDirectory: string;
  readonly candidates: number;
  readonly tell: (what: string) => void;
}

export interface Live {
  readonly candidates: number;
  readonly coordinatorCores: number;
  readonly coordinatorBytes: number;
  readonly natsCores: number;
  readonly hostsCores: number;
  readonly standInsCores: number;
  readonly eventsPerSecond: number;
  readonly commitsPerSecond: number;
  /** Of the disk, on average. */
  readonly commitMs: number;
  /** In the end. */
  readonly slotsAtWork: number;
  readonly endedPerSecond: number;
  readonly refill: {
    readonly count: number;
    readonly medianMs: number;
    readonly p99Ms: number;
    readonly worstMs: number;
  };
  readonly startMs: number;
  readonly joinMs: number;
  readonly fillMs: number;
  /** The coordinator was killed with all slots at work, and started again at once. */
  readonly killed: {
    readonly servesAfterMs: number;
    /** From then on, until the end. */
    readonly leasesLost: number;
    readonly hostsLost: number;
    /** Attempts that their hosts stopped, for want of a renewal. */
    readonly fenced: number;
    readonly ended: number;
    readonly slotsAtWork: number;
  };
}

const root = join(import.meta.dirname, '..', '..');
const patience = { timeoutMs: 240_000, everyMs: 250 } as const;
const hostNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `host-${String(index + 1).padStart(4, '0')}`);

/** An authority, a leaf for every daemon and one for every host; gives the directory. */
export async function makeCertificates(pki: string, hosts: number): Promise<string> {
  await createLocalPki(pki, 'host-0001');
  for (const name of hostNames(hosts))
    await issueCertificate(pki, { role: 'gpu-agent', name, hosts: [], fileName: name });
  return pki;
}

export async function measureLive(options: LiveOptions): Promise<Live> {
  const stack = new AsyncDisposableStack();
  try {
    return await runLive(options, stack);
  } finally {
    await stack.disposeAsync();
  }
}

async function runLive(options: LiveOptions, stack: AsyncDisposableStack): Promise<Live> {
  const { pki, stateDirectory, tell } = options;
  const base = await freePortBase();
  const at = (offset: number): string => `127.0.0.1:${base + offset}`;
  const names = hostNames(options.hosts);
  // A process of their own, as in a real fleet: an answer of theirs does not wait until a thousand hosts have had their turn.
  const standIns = stack.adopt(startHostsProcess(), (it) => it.stop());
  const { evaluator, gateway } = await standIns.ask({ kind: 'serve', pki }, 'serving');
  const hosts = stack.adopt(startHostsProcess(), (it) => it.stop());
  const nats = startNats(options, at(1), names, stack);
  const startedMs = performance.now();
  const addresses = { nats: at(1), own: at(2), metrics: base + 3, evaluator, gateway };
  const coordinator = startCoordinator(options, addresses, stack);
  const operator = connectCoordinator({ stateDirectory, pkiDirectory: pki, coordinator: at(2), gateway: '' });
  stack.defer(() => operator.close());
  await waitFor('the coordinator to serve', () => operator.listHosts(), { ...patience, everyMs: 50 });
  const startMs = performance.now() - startedMs;
  const page = { url: `http://${at(3)}/metrics` };
  const { slots, jobSeconds } = options;
  const cache = join(options.directory, `cache-${options.candidates}`);
  const joinedFromMs = performance.now();
  const about = { pki, names, nats: at(1), coordinator: at(2), slots, meanMs: 1000 * jobSeconds, cache };
  await hosts.ask({ kind: 'join', ...about }, 'joined');
  await waitFor(
    'all slots',
    async () => (await gauge(page.url, 'schedulable_slots')) >= slots * names.length,
    patience,
  );
  const joinMs = performance.now() - joinedFromMs;
  tell('all hosts have joined');
  const filledFromMs = performance.now();
  await beginRun(operator, options);
  const full = 0.97 * slots * names.length;
  const isFull = async (): Promise<boolean> => (await hosts.ask({ kind: 'measure' }, 'measured')).running >= full;
  // A machine that is too slow for the fleet is measured all the same: what of it is at work is told.
  await waitFor('all slots to be filled', isFull, { ...patience, timeoutMs: 90_000 }).catch(() =>
    tell('not filled in 90 s'),
  );
  const fillMs = performance.now() - filledFromMs;
  await passing(options.settleSeconds);
  const before = await reading({ page: page.url, coordinator, nats, hosts, standIns });
  await passing(options.seconds);
  const after = await reading({ page: page.url, coordinator, nats, hosts, standIns });
  const seconds = (after.atMs - before.atMs) / 1000;
  type Counted = 'coordinator' | 'nats' | 'hosts' | 'standIns' | 'events' | 'commits' | 'commitSeconds';
  const rate = (name: Counted): number => (after[name] - before[name]) / seconds;
  const coordinatorBytes = memoryOf(coordinator, 'VmHWM');
  tell('the coordinator is killed');
  await endProcess(coordinator, 'SIGKILL');
  const again = (): ChildProcess => startCoordinator(options, addresses, stack);
  const killed = await bearKill({ leaseSeconds: options.leaseSeconds, again, operator, page: page.url, hosts });
  return {
    candidates: options.candidates,
    coordinatorCores: rate('coordinator'),
    coordinatorBytes,
    natsCores: rate('nats'),
    hostsCores: rate('hosts'),
    standInsCores: rate('standIns'),
    eventsPerSecond: rate('events'),
    commitsPerSecond: rate('commits'),
    commitMs: (1000 * rate('commitSeconds')) / rate('commits'),
    slotsAtWork: after.running,
    endedPerSecond: after.ended / seconds,
    refill: spread(after.refills),
    ...{ startMs, joinMs, fillMs, killed },
  };
}

/** Longer than a lease lasts without its coordinator, and a second one. */
const afterKillTerms = 3;

async function bearKill({
  again,
  operator,
  page,
  hosts,
  leaseSeconds,
}: {
  readonly leaseSeconds: number;
  readonly again: () => ChildProcess;
  readonly operator: Coordinator;
  readonly page: string;
  readonly hosts: HostsProcess;
}): Promise<Live['killed']> {
  const killedMs = performance.now();
  again();
  await waitFor('the coordinator to serve again', () => operator.listHosts(), { ...patience, everyMs: 50 });
  const servesAfterMs = performance.now() - killedMs;
  await passing(afterKillTerms * leaseSeconds);
  const { running, ended, fenced } = await hosts.ask({ kind: 'measure' }, 'measured');
  // Counted by the new process, so from its start on.
  const [leasesLost, hostsLost] = await Promise.all([
    gauge(page, 'events_total', 'attemptLost'),
    gauge(page, 'events_total', 'hostLost'),
  ]);
  return { servesAfterMs, leasesLost, hostsLost, fenced, ended, slotsAtWork: running };
}

async function beginRun(operator: Coordinator, { candidates }: LiveOptions): Promise<void> {
  // The run of a journal that was made before goes on by itself.
  if (candidates > 0) return;
  await operator.createRun({ requestId: 'fleet', task: 'digits', options: { candidates: 10_000_000, seed: 1 } });
}

async function reading(of: {
  readonly page: string;
  readonly coordinator: ChildProcess;
  readonly nats: ChildProcess;
  readonly hosts: HostsProcess;
  readonly standIns: HostsProcess;
}) {
  const { refills, ended, running, cpuSeconds: hosts } = await of.hosts.ask({ kind: 'measure' }, 'measured');
  const { cpuSeconds: standIns } = await of.standIns.ask({ kind: 'measure' }, 'measured');
  const events = await gauge(of.page, 'journal_sequence');
  const commits = await gauge(of.page, 'commit_seconds_count');
  const commitSeconds = await gauge(of.page, 'commit_seconds_sum');
  const [coordinator, nats] = [cpuSecondsOf(of.coordinator), cpuSecondsOf(of.nats)];
  const counted = { hosts, standIns, events, commits, commitSeconds, coordinator, nats };
  return { atMs: performance.now(), refills, ended, running, ...counted };
}

function spread(values: readonly number[]): Live['refill'] {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), worstMs: sorted.at(-1) ?? Number.NaN };
}

/** A sum over all labels of one of the coordinator's own metrics, or over those with this word in them. */
async function gauge(url: string, name: string, word = ''): Promise<number> {
  const text = await (await fetch(url)).text();
  const labels = word === '' ? '(?:{[^}]*})?' : `{[^}]*"${word}"[^}]*}`;
  const lines = [...text.matchAll(new RegExp(`^doubleblind_coordinator_${name}${labels} (\\S+)$`, 'gm'))];
  return lines.reduce((sum, [, value]) => sum + Number(value), 0);
}

function passing(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}

interface HostsProcess {
  ask<Kind extends FromHosts['kind']>(message: ToHosts, answer: Kind): Promise<Extract<FromHosts, { kind: Kind }>>;
  stop(): Promise<void>;
}

function startHostsProcess(): HostsProcess {
  // Room for young objects, so that playing hosts costs less: it is the coordinator that is measured.
  const execArgv = ['--max-old-space-size=6144', '--max-semi-space-size=128'];
  const child = fork(join(root, 'bench', 'main-fleet-hosts.ts'), { execArgv });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the simulated hosts ended with ${code}`);
  });
  ended.catch(() => undefined);
  return {
    async ask(message, answer) {
      const said = once(child, 'message');
      child.send(message);
      // One question at a time, so the next message is its answer.
      const [told] = (await Promise.race([said, ended])) as [FromHosts];
      if (told.kind !== answer) throw new Error(`invariant broken: ${told.kind} is no answer to ${message.kind}`);
      return told as Extract<FromHosts, { kind: typeof answer }>;
    },
    stop: () => endProcess(child, 'SIGKILL'),
  };
}

function startNats(
  { directory, pki, candidates }: LiveOptions,
  listen: string,
  hosts: readonly string[],
  stack: AsyncDisposableStack,
): ChildProcess {
  const config = join(directory, `nats-${candidates}.conf`);
  const text = renderNatsServerConfig({
    ...{ listen, hosts, storeDirectory: join(directory, `nats-${candidates}`) },
    tls: { ca: join(pki, 'ca.crt'), certificate: join(pki, 'nats.crt'), key: join(pki, 'nats.key') },
  });
  writeFileSync(config, text, { mode: 0o600 });
  return startDaemon('nats-server', ['--config', config], join(directory, 'nats.log'), stack);
}

interface Addresses {
  readonly own: string;
  readonly nats: string;
  readonly metrics: number;
  readonly evaluator: string;
  readonly gateway: string;
}

function startCoordinator(
  { directory, pki, stateDirectory, candidates, leaseSeconds }: LiveOptions,
  { own, nats, metrics, evaluator, gateway }: Addresses,
  stack: AsyncDisposableStack,
): ChildProcess {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const config = join(directory, `coordinator-${candidates}.yaml`);
  const content = {
    ...{ listen: own, stateDirectory, metricsPort: metrics, logLevel: 'warn' },
    tls: { ca: join(pki, 'ca.crt'), certificate: join(pki, 'coordinator.crt'), key: join(pki, 'coordinator.key') },
    lease: { ttlMs: 1000 * leaseSeconds },
    ...{ nats: { servers: [nats] }, evaluator: { address: evaluator }, gateway: { address: gateway } },
  };
  writeFileSync(config, JSON.stringify(content), { mode: 0o600 });
  const script = join(root, 'coordinator', 'main.ts');
  return startDaemon(
    process.execPath,
    [...(nodeFlags['coordinator'] ?? []), script, '--config', config],
    join(directory, 'coordinator.log'),
    stack,
  );
}

function startDaemon(command: string, args: string[], logFile: string, stack: AsyncDisposableStack): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, '.runtime', 'compile-cache') };
  const child = spawn(command, args, { stdio: ['ignore', log, log], env });
  closeSync(log);
  child.once('exit', (code) => {
    if (code !== null && code !== 0)
      process.stderr.write(`${command} ended with ${code}:\n${readFileSync(logFile, 'utf8').slice(-3000)}\n`);
  });
  stack.defer(() => endProcess(child, 'SIGKILL'));
  return child;
}
