// A fleet of real processes on machines of their own (network namespaces): a coordinator, a nats-server, a gateway, an evaluator
// in its segment, and hosts whose sandboxes are simulated. The firewall rules of deploy/network are loaded throughout.
//
// Owns: certificates, configuration, processes, the model's endpoint, the agents' books. Leaves to rows/: what goes wrong.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Coordinator, connectCoordinator } from '../../cli/rpc/coordinator.ts';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { type NetworkPlace, renderNetworkRules } from '../../deploy/network/rules.ts';
import { makeCanaryTask } from '../../evaluator-node/testing/canary-task.ts';
import { createLocalPki, issueCertificate } from '../../shared/pki/authority.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { type Machine, makeNetwork, type Network } from '../support/network.ts';
import { waitFor } from '../support/wait-for.ts';
import { type AgentBooks, readAgentBooks } from './agent-books.ts';
import { type DaemonProcess, daemonProcess } from './daemon-process.ts';
import { type ModelEndpoint, startModelEndpoint } from './model-endpoint.ts';
import { type WatchedRun, watchRun } from './watched-run.ts';

const root = join(import.meta.dirname, '..', '..');

export const ports = { coordinator: 7441, agent: 7442, evaluator: 7443, gateway: 7444, nats: 7445 } as const;

export interface FleetOptions {
  readonly hosts: number;
  readonly slots: number;
  /** Left out, it is as short as this machine allows. */
  readonly leaseMs?: number;
  /** A checkout of the version before, set up, whose programs all daemons begin with; this one unless stated. */
  readonly before?: string;
}

/** A lease that is this much longer than a process of ours takes to start leaves room for answers on a busy machine. */
const [leaseOverStart, shortestLeaseMs, longestLeaseMs] = [3, 2000, 30_000];

type InForce = Required<Omit<FleetOptions, 'before'>> & Pick<FleetOptions, 'before'>;

export interface Fleet {
  readonly options: InForce;
  readonly network: Network;
  readonly coordinator: DaemonProcess;
  readonly nats: DaemonProcess;
  readonly gateway: DaemonProcess;
  readonly evaluator: DaemonProcess;
  readonly agents: readonly DaemonProcess[];
  readonly model: ModelEndpoint;
  readonly books: AgentBooks;
  readonly operator: Coordinator;
  /** Flags by which the command line finds this fleet. */
  readonly flags: readonly string[];
  /** The directory with everything. */
  readonly directory: string;
  /** Starts a run without an end, and follows it. */
  startRun(): Promise<WatchedRun>;
  /** The states of the hosts, by name. */
  states(): Promise<Map<string, string>>;
  /** Empties the store of the nats-server; only while it is dead. */
  loseBusStore(): void;
  stop(): Promise<void>;
}

/** Starts everything; resolves when every host is ready. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const stack = new AsyncDisposableStack();
  try {
    return await openFleet(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function openFleet(wanted: FleetOptions, stack: AsyncDisposableStack): Promise<Fleet> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-fleet-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const network = stack.adopt(makeNetwork(), (it) => it.remove());
  const here = network.join();
  const hostNames = Array.from({ length: wanted.hosts }, (_, index) => `host-${index + 1}`);
  const machines = {
    coordinator: network.add('coordinator'),
    nats: network.add('nats'),
    gateway: network.add('gateway'),
    evaluator: network.add('evaluator'),
    hosts: hostNames.map((name) => network.add(name)),
  };
  loadRules(network, machines, here);
  const pki = join(directory, 'pki');
  await createLocalPki(pki, 'host-1');
  for (const name of hostNames) await issueCertificate(pki, { role: 'gpu-agent', name, hosts: [], fileName: name });
  const model = stack.adopt(await startModelEndpoint(here.address), (it) => it.stop());
  const place = { directory, pki, machines, hostNames, modelUrl: model.baseUrl, firstRoot: wanted.before ?? root };
  const { task, startMs } = await importTask(place);
  const leaseMs =
    wanted.leaseMs ?? Math.round(Math.min(longestLeaseMs, Math.max(shortestLeaseMs, leaseOverStart * startMs)));
  const options = { ...wanted, leaseMs };
  const daemons = makeDaemons({ ...place, options });
  const all = [daemons.nats, daemons.evaluator, daemons.gateway, daemons.coordinator, ...daemons.agents];
  stack.defer(async () => {
    await Promise.all(all.map((daemon) => daemon.kill()));
  });
  for (const daemon of all) daemon.start();
  const bookOf = (name: string): [string, string] => [name, join(directory, name, 'host.sqlite')];
  const books = stack.adopt(readAgentBooks(new Map(hostNames.map(bookOf))), (it) => it.stop());
  const address = `${machines.coordinator.address}:${ports.coordinator}`;
  const operator = connectCoordinator({
    stateDirectory: directory,
    pkiDirectory: pki,
    coordinator: address,
    gateway: '',
  });
  stack.defer(() => operator.close());
  const evaluator = createRpcClient({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address: `${machines.evaluator.address}:${ports.evaluator}`,
    tls: { ca: join(pki, 'ca.crt'), certificate: join(pki, 'operator.crt'), key: join(pki, 'operator.key') },
    expectRole: 'evaluator',
  });
  stack.defer(() => evaluator.close());
  const states = async (): Promise<Map<string, string>> =>
    new Map((await operator.listHosts()).map(({ host, state }) => [host, state]));
  await waitFor(
    'every host to be ready',
    async () => [...(await states()).values()].filter((state) => state === 'ready').length === options.hosts,
    {
      timeoutMs: 240_000,
      everyMs: 200,
    },
  ).catch((error: unknown) => {
    throw new Error(
      `the fleet did not start:\n${all.map((daemon) => `${daemon.name}: ${daemon.log().slice(-600)}`).join('\n')}`,
      { cause: error },
    );
  });
  return {
    ...{ options, network, ...daemons, model, books, operator, states, directory },
    flags: ['--coordinator', address, '--pki-dir', pki],
    async startRun() {
      const request = {
        requestId: `${performance.now()}`,
        task,
        options: { candidates: 1_000_000, seed: 7, draftProbability: 1 },
      };
      // The hosts may be ready before the evaluator is.
      const { runId } = await waitFor('a run to be created', () => operator.createRun(request), { everyMs: 250 });
      const run = watchRun({ operator, evaluator, books }, runId);
      stack.defer(() => run.stop());
      return run;
    },
    loseBusStore: () => rmSync(join(directory, 'nats'), { recursive: true, force: true }),
    stop: () => stack.disposeAsync(),
  };
}

interface Machines {
  readonly coordinator: Machine;
  readonly nats: Machine;
  readonly gateway: Machine;
  readonly evaluator: Machine;
  readonly hosts: readonly Machine[];
}

/** The evaluator's segment as operators are told to make it; the test's own machine reads the ledger as an administrator would. */
function loadRules(network: Network, { coordinator, evaluator, hosts }: Machines, here: Machine): void {
  const rules = (place: NetworkPlace): string =>
    renderNetworkRules(place, {
      evaluators: [evaluator.address, evaluator.address6],
      port: ports.evaluator,
      coordinators: [coordinator.address, here.address],
      administrators: [],
    });
  network.load(evaluator, rules('evaluator'));
  network.load(network.router, rules('router'));
  for (const host of hosts) network.load(host, rules('host'));
}

interface Bare {
  readonly directory: string;
  readonly pki: string;
  readonly machines: Machines;
  readonly hostNames: readonly string[];
  readonly modelUrl: string;
  /** Where the programs are that the fleet begins with. */
  readonly firstRoot: string;
}

interface Place extends Bare {
  readonly options: InForce;
}

/** Imports a task as its operator would; tells how long a process takes here. */
async function importTask({ directory, pki, machines, firstRoot }: Bare): Promise<{ task: string; startMs: number }> {
  const { name } = await makeCanaryTask(join(directory, 'task'), 'faults');
  const config = writeConfig(directory, 'evaluator', evaluatorConfig(directory, pki, machines.evaluator));
  const words = [join(firstRoot, 'evaluator-node/main-task.ts'), 'import', join(directory, 'task'), '--config', config];
  const sinceMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, words, (error) => (error === null ? resolve() : reject(error)));
  });
  return { task: name, startMs: performance.now() - sinceMs };
}

function writeConfig(directory: string, name: string, config: unknown): string {
  const path = join(directory, `${name}.yaml`);
  mkdirSync(join(directory, name), { recursive: true, mode: 0o700 });
  writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config), { mode: 0o600 });
  return path;
}

function makeDaemons(place: Place) {
  const { directory, machines, hostNames } = place;
  mkdirSync(join(directory, 'log'));
  for (const [name, config] of Object.entries(configurations(place))) writeConfig(directory, name, config);
  const daemon = (name: string, machine: Machine, program: string[], programBefore = program): DaemonProcess =>
    daemonProcess({
      name,
      machine,
      command: [...program, '--config', join(directory, `${name}.yaml`)],
      commandBefore: [...programBefore, '--config', join(directory, `${name}.yaml`)],
      logFile: join(directory, 'log', `${name}.log`),
    });
  const node = (name: string, machine: Machine, script: string): DaemonProcess =>
    daemon(name, machine, [process.execPath, join(root, script)], [process.execPath, join(place.firstRoot, script)]);
  return {
    nats: daemon('nats', machines.nats, ['nats-server']),
    evaluator: node('evaluator', machines.evaluator, 'evaluator-node/main.ts'),
    gateway: node('gateway', machines.gateway, 'llm-gateway/main.ts'),
    coordinator: node('coordinator', machines.coordinator, 'coordinator/main.ts'),
    agents: machines.hosts.map((machine, index) =>
      node(hostNames[index] ?? '', machine, 'gpu-agent/main-simulated.ts'),
    ),
  };
}

interface Certified {
  readonly directory: string;
  readonly pki: string;
}

function common({ directory, pki }: Certified, name: string, certificate: string, listen: string) {
  const file = (ending: string): string => join(pki, `${certificate}.${ending}`);
  return {
    listen,
    stateDirectory: join(directory, name),
    tls: { ca: join(pki, 'ca.crt'), certificate: file('crt'), key: file('key') },
  };
}

function evaluatorConfig(directory: string, pki: string, { address }: Machine) {
  const own = common({ directory, pki }, 'evaluator', 'evaluator', `${address}:${ports.evaluator}`);
  return { ...own, replyTickMs: 0 };
}

function configurations(place: Place): Record<string, unknown> {
  const { directory, pki, machines, hostNames, options, modelUrl } = place;
  const at = {
    nats: `${machines.nats.address}:${ports.nats}`,
    coordinator: `${machines.coordinator.address}:${ports.coordinator}`,
    evaluator: `${machines.evaluator.address}:${ports.evaluator}`,
    gateway: `${machines.gateway.address}:${ports.gateway}`,
  };
  const nats = { servers: [at.nats] };
  const gateway = { address: at.gateway };
  const upstream = { name: 'guesser', kind: 'openai', baseUrl: modelUrl, models: [{ name: 'guesser' }], stream: false };
  const hosts = machines.hosts.map(({ address }, index) => {
    const name = hostNames[index] ?? '';
    const slots = { cpu: options.slots, trajectoriesPerSlot: 1 };
    const own = common(place, name, name, `${address}:${ports.agent}`);
    const heartbeatMs = Math.round(options.leaseMs / 10);
    return [name, { ...own, nats, coordinator: { address: at.coordinator }, gateway, slots, heartbeatMs }];
  });
  return {
    nats: renderNatsServerConfig({
      listen: at.nats,
      tls: { ca: join(pki, 'ca.crt'), certificate: join(pki, 'nats.crt'), key: join(pki, 'nats.key') },
      storeDirectory: join(directory, 'nats'),
      hosts: hostNames,
    }),
    coordinator: {
      ...common(place, 'coordinator', 'coordinator', at.coordinator),
      ...{ nats, evaluator: { address: at.evaluator }, gateway, lease: { ttlMs: options.leaseMs } },
    },
    gateway: {
      ...common(place, 'gateway', 'llm-gateway', at.gateway),
      upstreams: [{ ...upstream, concurrency: 100 }],
    },
    ...Object.fromEntries(hosts),
  };
}
