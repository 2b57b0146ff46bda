// A local cluster: nats-server, the sandbox proxy and the four daemons as separate processes under one supervisor.
// Owns: the configuration files, the processes, the record in run/cluster.json. Leaves to set-up: that programs, image and
// certificates are there.
// Invariants: one cluster in a state directory; it counts as ready only when every daemon has answered a call; whatever was
// started is stopped again, in reverse, also where the start fails half-way.

import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { nodeFlags } from '../../shared/daemon/node-flags.ts';
import { type ChildSpec, startSupervisor } from '../../shared/daemon/supervisor.ts';
import { createLogger } from '../../shared/log.ts';
import { compileCacheDirectory } from '../compile-cache.ts';
import type { CliContext } from '../context.ts';
import { duration } from '../core/quantity.ts';
import { causedBy, exitCodes } from '../exit-codes.ts';
import { operatorTls } from '../rpc/coordinator.ts';
import { probe, type Tls } from '../rpc/probes.ts';
import { findProgram } from '../setup/command.ts';
import { releaseCluster, rewriteCluster, takeCluster } from './cluster-lock.ts';
import { type ClusterOptions, configFiles, configuredDaemons, daemonEnvironment, proxyConfig } from './config-files.ts';
import {
  configPath,
  type DaemonName,
  daemonNames,
  dataPath,
  folders,
  logPath,
  proxySocketPath,
  sandboxProxy,
} from './layout.ts';
import { refuseTakenPorts } from './ports.ts';
import { refuseLongPath, socketServes } from './sockets.ts';

export interface Cluster {
  readonly addresses: Readonly<Record<DaemonName, string>>;
  /** host:port of the dashboard. */
  readonly dashboard: string;
  /** Rejects when a daemon had to be given up, after the others were stopped; resolves after `stop`. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** One answer of a probe; a daemon that is starting refuses at once, so this is for one that hangs. */
const probeMs = 2000;

/** Starts the cluster; resolves when every daemon serves. */
export async function startCluster(cli: CliContext, options: ClusterOptions): Promise<Cluster> {
  const { layout } = options;
  const startedAt = performance.now();
  const record = { pid: process.pid, startedAt: new Date().toISOString(), ready: false, addresses: layout.addresses };
  takeCluster(layout.stateDirectory, record);
  try {
    await refuseTakenPorts(layout);
    refuseLongPath(proxySocketPath(layout));
    writeConfigFiles(options);
    const tls = operatorTls(layout);
    const log = createLogger({
      name: 'supervisor',
      level: 'info',
      destination: { write: (line) => appendFileSync(join(layout.stateDirectory, 'logs', 'supervisor.log'), line) },
    });
    const supervisor = await startSupervisor({
      children: [proxyChild(cli, options), ...daemonNames.map((name) => childOf(cli, options, name, tls))],
      log,
      signal: cli.signal,
    });
    rewriteCluster(layout.stateDirectory, { ...record, ready: true });
    const { style } = cli.stderr;
    const took = duration((performance.now() - startedAt) / 1000);
    cli.stderr.write(`${style.good('✓')} Cluster: ${daemonNames.join(', ')} ${style.dim(`(${took})`)}\n`);
    return {
      addresses: layout.addresses,
      dashboard: layout.dashboard,
      done: supervisor.done,
      stop: async () => {
        await supervisor.stop();
        releaseCluster(layout.stateDirectory);
      },
    };
  } catch (error) {
    releaseCluster(layout.stateDirectory);
    // Whoever stopped the start knows why it ended.
    cli.signal.throwIfAborted();
    if (error instanceof Error && error.message.includes('keeps failing')) {
      throw causedBy(error, exitCodes.failure, `The cluster did not start: ${error.message}`, ['doubleblind doctor']);
    }
    throw error;
  }
}

function proxyChild(cli: CliContext, { layout }: ClusterOptions): ChildSpec {
  return {
    name: sandboxProxy,
    command: process.execPath,
    args: [join(cli.root, 'gpu-agent/socket-proxy/main.ts'), '--config', configPath(layout, sandboxProxy)],
    env: { ...daemonEnvironment(cli.env), NODE_COMPILE_CACHE: compileCacheDirectory },
    cwd: cli.root,
    logFile: logPath(layout, sandboxProxy),
    ready: () => socketServes(proxySocketPath(layout)),
  };
}

function childOf(cli: CliContext, options: ClusterOptions, name: DaemonName, tls: Tls): ChildSpec {
  const { layout } = options;
  const config = configPath(layout, name);
  const nats = findProgram('nats-server', cli.env) ?? 'nats-server';
  return {
    name,
    ...(name === 'nats'
      ? { command: nats, args: ['--config', config] }
      : { command: process.execPath, args: daemonArguments(cli.root, name, config) }),
    env: { ...daemonEnvironment(cli.env), NODE_COMPILE_CACHE: compileCacheDirectory },
    cwd: cli.root,
    logFile: logPath(layout, name),
    ready: async () => {
      await probe(name, layout.addresses[name], tls, probeMs);
      return true;
    },
    stopTimeoutMs: 20_000,
  };
}

function daemonArguments(root: string, name: Exclude<DaemonName, 'nats'>, config: string): string[] {
  return [...(nodeFlags[name] ?? []), join(root, folders[name], 'main.ts'), '--config', config];
}

/** Written anew at each start, so that flags always mean what they say; by rename, so that no daemon reads half a file. */
function writeConfigFiles(options: ClusterOptions): void {
  const { layout } = options;
  for (const folder of ['etc', 'logs', 'run']) {
    mkdirSync(join(layout.stateDirectory, folder), { recursive: true, mode: 0o700 });
  }
  for (const name of daemonNames) mkdirSync(dataPath(layout, name), { recursive: true, mode: 0o700 });
  const configs = configFiles(options);
  for (const name of configuredDaemons) {
    replace(configPath(layout, name), `# Written by doubleblind up.\n${stringify(configs[name])}`);
  }
  replace(configPath(layout, sandboxProxy), `# Written by doubleblind up.\n${stringify(proxyConfig(options))}`);
  const nats = renderNatsServerConfig({
    listen: layout.addresses.nats,
    tls: {
      ca: join(layout.pkiDirectory, 'ca.crt'),
      certificate: join(layout.pkiDirectory, 'nats.crt'),
      key: join(layout.pkiDirectory, 'nats.key'),
    },
    storeDirectory: dataPath(layout, 'nats'),
    hosts: [options.hostName],
  });
  replace(configPath(layout, 'nats'), nats);
}

function replace(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
