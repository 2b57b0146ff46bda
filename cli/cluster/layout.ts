// Where a local cluster's daemons listen and keep things. Pure.

import { join } from 'node:path';

export const daemonNames = ['nats', 'evaluator', 'llm-gateway', 'coordinator', 'gpu-agent'] as const;
export type DaemonName = (typeof daemonNames)[number];

/** The folder of a daemon's sources; nats-server is not ours. */
export const folders: Readonly<Record<Exclude<DaemonName, 'nats'>, string>> = {
  evaluator: 'evaluator-node',
  'llm-gateway': 'llm-gateway',
  coordinator: 'coordinator',
  'gpu-agent': 'gpu-agent',
};

/** The blueprint's ports: dashboard 7440, coordinator 7441, gpu-agent 7442, evaluator 7443, gateway 7444; NATS follows. */
export const defaultPortBase = 7440;

const offsets: Readonly<Record<DaemonName, number>> = {
  coordinator: 1,
  'gpu-agent': 2,
  evaluator: 3,
  'llm-gateway': 4,
  nats: 5,
};

/** The name of the only host of a local cluster. */
export const localHostName = 'local';

export interface Layout {
  readonly stateDirectory: string;
  readonly pkiDirectory: string;
  /** host:port by daemon. */
  readonly addresses: Readonly<Record<DaemonName, string>>;
  readonly ports: Readonly<Record<DaemonName, number>>;
  /** host:port of the coordinator's dashboard. */
  readonly dashboard: string;
}

export function layoutOf(stateDirectory: string, pkiDirectory: string, portBase: number): Layout {
  const port = (name: DaemonName): number => portBase + offsets[name];
  const entries = daemonNames.map((name) => [name, port(name)] as const);
  return {
    stateDirectory,
    pkiDirectory,
    ports: Object.fromEntries(entries) as Record<DaemonName, number>,
    addresses: Object.fromEntries(entries.map(([name, at]) => [name, `127.0.0.1:${at}`])) as Record<DaemonName, string>,
    dashboard: `127.0.0.1:${portBase}`,
  };
}

/** What runs beside the daemons and has no port: it holds the engine's socket for the gpu-agent. */
export const sandboxProxy = 'sandbox-proxy';

/** Where the gpu-agent asks for sandboxes. */
export function proxySocketPath(layout: Pick<Layout, 'stateDirectory'>): string {
  return join(layout.stateDirectory, 'run', 'sandbox.sock');
}

export function configPath(layout: Pick<Layout, 'stateDirectory'>, name: DaemonName | typeof sandboxProxy): string {
  return join(layout.stateDirectory, 'etc', name === 'nats' ? 'nats.conf' : `${name}.yaml`);
}

export function logPath(layout: Pick<Layout, 'stateDirectory'>, name: DaemonName | typeof sandboxProxy): string {
  return join(layout.stateDirectory, 'logs', `${name}.log`);
}

export function dataPath(layout: Pick<Layout, 'stateDirectory'>, name: DaemonName): string {
  return join(layout.stateDirectory, name);
}
