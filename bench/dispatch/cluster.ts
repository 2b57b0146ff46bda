// A cluster for benchmarks of dispatching: the coordinator and the llm-gateway in processes of their own as units start them,
// a nats-server with TLS and JetStream on disk, and hosts in processes of their own (main-host.ts). Each can be killed and
// started again. The evaluator is a stand-in: jobs leave nothing to score.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Coordinator, connectCoordinator } from '../../cli/rpc/coordinator.ts';
import { FakeEvaluator } from '../../coordinator/coordinator.test-support.ts';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { startTestNats } from '../../shared/bus/test-nats.ts';
import { nodeFlags } from '../../shared/daemon/node-flags.ts';
import { createLocalPki, issueCertificate } from '../../shared/pki/authority.ts';
import { tlsPathsIn } from '../../shared/rpc/test-peers.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import { freePortBase } from '../../test/support/cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type Done, type Load, slotsPerHost } from './jobs.ts';
import type { HostOptions } from './main-host.ts';
import { startWorker, type Worker } from './workers.ts';

const root = join(import.meta.dirname, '..', '..');
const patience = { timeoutMs: 90_000 };

export interface ClusterOptions {
  readonly slots: number;
  /** `slots.trajectoriesPerSlot`. */
  readonly lanes: number;
  /** Called with the coordinator's state directory before it starts. */
  readonly prepare?: (stateDirectory: string) => void;
}

/** Something that can die at any moment. */
export interface Mortal {
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Resolves when it serves again. */
  restart(): Promise<void>;
}

export interface JobCluster {
  readonly operator: Coordinator;
  readonly nats: Mortal;
  readonly gateway: Mortal;
  readonly coordinator: Mortal;
  readonly hosts: readonly Mortal[];
  /** What the hosts did since the last time. */
  collect(): Promise<Done[]>;
  /** Starts a run of such jobs; gives its id. */
  startRun(load: Load): Promise<string>;
  stop(): Promise<void>;
}

/** Starts everything; resolves when every host is ready. */
export async function startJobCluster(options: ClusterOptions): Promise<JobCluster> {
  const stack = new AsyncDisposableStack();
  try {
    return await open(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function open({ slots, lanes, prepare }: ClusterOptions, stack: AsyncDisposableStack): Promise<JobCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const pki = join(directory, 'pki');
  const names = Array.from({ length: Math.ceil(slots / slotsPerHost) }, (_, index) => `host-${index + 1}`);
  await createLocalPki(pki, 'host-1');
  for (const name of names) await issueCertificate(pki, { role: 'gpu-agent', name, hosts: [], fileName: name });
  const nats = await startTestNats(tlsPathsIn(pki, 'nats'), (given) =>
    renderNatsServerConfig({ ...given, hosts: names }),
  );
  stack.defer(() => nats.stop());
  const evaluator = new FakeEvaluator();
  await evaluator.start(tlsPathsIn(pki, 'evaluator'));
  stack.defer(() => evaluator.stop());
  const place = { directory, pki, stack };
  const gateway = await startDaemon('llm-gateway', {}, place);
  prepare?.(join(directory, 'coordinator'));
  const coordinator = await startDaemon(
    'coordinator',
    {
      ...{ nats: { servers: [nats.address] }, evaluator: { address: evaluator.address } },
      gateway: { address: gateway.address },
    },
    place,
  );
  const hosts: (Mortal & Pick<Worker, 'collect'>)[] = [];
  for (const name of names) {
    const about = { name, nats: nats.address, tls: tlsOfHost(pki, name), stateDirectory: join(directory, name) };
    hosts.push(
      stack.adopt(await startHost({ ...about, slots: Math.min(slots, slotsPerHost), lanes }), (it) => it.kill()),
    );
  }
  const where = { stateDirectory: directory, pkiDirectory: pki, coordinator: coordinator.address, gateway: '' };
  const operator = stack.adopt(connectCoordinator(where), (it) => it.close());
  const ready = async (): Promise<boolean> =>
    (await operator.listHosts()).filter(({ state }) => state === 'ready').length === names.length;
  await waitFor('every host to be ready', ready, patience);
  let runs = 0;
  return {
    ...{ operator, gateway, coordinator, hosts },
    nats: { pid: nats.pid, kill: () => nats.kill('SIGKILL'), restart: () => nats.restart() },
    collect: async () => (await Promise.all(hosts.map((host) => host.collect()))).flat(),
    async startRun(load) {
      runs += 1;
      const options = { draftProbability: 1, repair: false, guidance: JSON.stringify(load) };
      return (await operator.createRun({ requestId: `bench-${runs}`, task: 'digits', options })).runId;
    },
    stop: () => stack.disposeAsync(),
  };
}

function tlsOfHost(pki: string, name: string): TlsPaths {
  return { ca: join(pki, 'ca.crt'), certificate: join(pki, `${name}.crt`), key: join(pki, `${name}.key`) };
}

async function startHost(options: HostOptions): Promise<Mortal & Pick<Worker, 'collect'>> {
  let worker = await startWorker('main-host.ts', options);
  return {
    pid: worker.pid,
    kill: () => worker.stop(),
    collect: () => worker.collect(),
    async restart() {
      worker = await startWorker('main-host.ts', options);
    },
  };
}

interface Place {
  readonly directory: string;
  readonly pki: string;
  readonly stack: AsyncDisposableStack;
}

/** A daemon as its unit starts it. */
async function startDaemon(
  role: 'coordinator' | 'llm-gateway',
  more: object,
  { directory, pki, stack }: Place,
): Promise<Mortal & { readonly address: string }> {
  const stateDirectory = join(directory, role);
  mkdirSync(stateDirectory, { recursive: true });
  const config = join(directory, `${role}.yaml`);
  const address = `127.0.0.1:${await freePortBase()}`;
  const content = { listen: address, stateDirectory, tls: tlsPathsIn(pki, role), ...more };
  writeFileSync(config, JSON.stringify(content), { mode: 0o600 });
  const flags = [...(nodeFlags[role] ?? []), join(root, role, 'main.ts'), '--config', config];
  let starts = 0;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    starts += 1;
    const logFile = join(directory, `${role}-${starts}.log`);
    const log = openSync(logFile, 'w');
    child = spawn(process.execPath, flags, {
      env: { ...process.env, NODE_COMPILE_CACHE: join(root, '.runtime', 'compile-cache') },
      stdio: ['ignore', log, log],
    });
    try {
      const ready = (): boolean => readFileSync(logFile, 'utf8').includes('is ready');
      await waitFor(`${role} to serve`, ready, { ...patience, everyMs: 5 });
    } catch (error) {
      throw new Error(`${role} did not start:\n${readFileSync(logFile, 'utf8')}`, { cause: error });
    }
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const pidOf = (): number => child?.pid ?? 0;
  stack.defer(kill);
  await start();
  return { address, kill, restart: start, pid: pidOf() };
}
