// Doubleblind as the dispatcher: the coordinator and the llm-gateway in processes of their own as units start them, a
// nats-server with TLS and JetStream on disk, and hosts in processes of their own. A lease is in the journal before it is
// sent; a result goes through the host's outbox, JetStream and the journal, and back comes a receipt.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectCoordinator } from '../../cli/rpc/coordinator.ts';
import { FakeEvaluator } from '../../coordinator/coordinator.test-support.ts';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { startTestNats } from '../../shared/bus/test-nats.ts';
import { nodeFlags } from '../../shared/daemon/node-flags.ts';
import { createLocalPki, issueCertificate } from '../../shared/pki/authority.ts';
import { tlsPathsIn } from '../../shared/rpc/test-peers.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import { freePortBase } from '../../test/support/cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { Contestant, StartContestant } from './contestant.ts';
import { type Done, type Load, slotsPerHost } from './jobs.ts';
import type { HostOptions } from './main-host.ts';
import { startWorker, type Worker } from './workers.ts';

const root = join(import.meta.dirname, '..', '..');

/** `lanes` is `slots.trajectoriesPerSlot`: with 1 the next lease is decided when the slot's job has ended. */
export function startOurs(lanes: number): StartContestant {
  return async (slots) => {
    const stack = new AsyncDisposableStack();
    try {
      return await open(slots, lanes, stack);
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  };
}

async function open(slots: number, lanes: number, stack: AsyncDisposableStack): Promise<Contestant> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const pki = join(directory, 'pki');
  const names = Array.from({ length: Math.ceil(slots / slotsPerHost) }, (_, index) => `host-${index + 1}`);
  await createLocalPki(pki, 'host-1');
  for (const name of names) await issueCertificate(pki, { role: 'gpu-agent', name, hosts: [], fileName: name });
  const nats = await startTestNats(tlsPathsIn(pki, 'nats'), (options) =>
    renderNatsServerConfig({ ...options, hosts: names }),
  );
  stack.defer(() => nats.stop());
  const evaluator = new FakeEvaluator();
  await evaluator.start(tlsPathsIn(pki, 'evaluator'));
  stack.defer(() => evaluator.stop());
  const common = { directory, pki, stack };
  const gateway = await startDaemon('llm-gateway', {}, common);
  const about = { nats: { servers: [nats.address] }, evaluator: { address: evaluator.address } };
  const coordinator = await startDaemon('coordinator', { ...about, gateway: { address: gateway.address } }, common);
  const hosts: Worker[] = [];
  for (const name of names) {
    const options = { name, nats: nats.address, tls: tlsOfHost(pki, name), stateDirectory: join(directory, name) };
    const share: HostOptions = { ...options, slots: Math.min(slots, slotsPerHost), lanes };
    hosts.push(stack.adopt(await startWorker('main-host.ts', share), (it) => it.stop()));
  }
  const place = { stateDirectory: directory, pkiDirectory: pki, coordinator: coordinator.address, gateway: '' };
  const operator = stack.adopt(connectCoordinator(place), (it) => it.close());
  await waitFor('every host to be ready', async () => (await operator.listHosts()).length === names.length, {
    timeoutMs: 60_000,
  });
  let runs = 0;
  return {
    processes: [nats.pid, gateway.pid, coordinator.pid, ...hosts.map(({ pid }) => pid)],
    async run(load) {
      runs += 1;
      const { runId } = await operator.createRun({
        requestId: `bench-${runs}`,
        task: 'digits',
        options: { draftProbability: 1, repair: false, guidance: JSON.stringify(load) },
      });
      const done = await allDone(hosts, load);
      await operator.killRun(runId, false);
      return done;
    },
    stop: () => stack.disposeAsync(),
  };
}

function tlsOfHost(pki: string, name: string): TlsPaths {
  return { ca: join(pki, 'ca.crt'), certificate: join(pki, `${name}.crt`), key: join(pki, `${name}.key`) };
}

/** Asks seldom while jobs run: asking costs the machine something too. */
async function allDone(hosts: readonly Worker[], { jobs }: Load): Promise<Done[]> {
  const done: Done[] = [];
  const collect = async (): Promise<boolean> => {
    for (const host of hosts) done.push(...(await host.collect()).filter(({ job }) => job < jobs));
    return done.length >= jobs;
  };
  await waitFor('every job to end', collect, { timeoutMs: 300_000, everyMs: 500 });
  return done;
}

interface Started {
  readonly address: string;
  readonly pid: number;
}

interface Common {
  readonly directory: string;
  readonly pki: string;
  readonly stack: AsyncDisposableStack;
}

/** A daemon as its unit starts it; gives the address at which it serves. */
async function startDaemon(role: 'coordinator' | 'llm-gateway', more: object, common: Common): Promise<Started> {
  const { directory, pki, stack } = common;
  const stateDirectory = join(directory, role);
  mkdirSync(stateDirectory);
  const config = join(directory, `${role}.yaml`);
  const address = `127.0.0.1:${await freePortBase()}`;
  const content = { listen: address, stateDirectory, tls: tlsPathsIn(pki, role), ...more };
  writeFileSync(config, JSON.stringify(content), { mode: 0o600 });
  const logFile = join(directory, `${role}.log`);
  const log = openSync(logFile, 'w');
  const profile = process.env['BENCH_PROFILE'] === role ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof'] : [];
  const flags = [...(nodeFlags[role] ?? []), ...profile, join(root, role, 'main.ts'), '--config', config];
  const child = spawn(process.execPath, flags, {
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, '.runtime', 'compile-cache') },
    stdio: ['ignore', log, log],
  });
  stack.defer(() => stopProcess(child));
  try {
    await waitFor(`${role} to serve`, () => readFileSync(logFile, 'utf8').includes('is ready'), { timeoutMs: 30_000 });
  } catch (error) {
    throw new Error(`${role} did not start:\n${readFileSync(logFile, 'utf8')}`, { cause: error });
  }
  return { address, pid: child.pid ?? 0 };
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await once(child, 'exit');
  clearTimeout(force);
}
