// The sandbox proxy's process: holds the engine's socket so that the gpu-agent need not.

import { createHash } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { loadConfig } from '../../shared/daemon/config.ts';
import { runDaemon } from '../../shared/daemon/run-daemon.ts';
import { createContainerHost } from '../../shared/sandbox/container-host.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { startProxyServer } from '../../shared/sandbox/proxy-server.ts';
import { type SandboxLimits, sandboxKind, sandboxSpecSchema } from '../sandbox/sandbox-kind.ts';
import { proxyConfigSchema } from './config.ts';

await runDaemon({
  name: 'sandbox-proxy',
  readConfig: () =>
    loadConfig({ role: 'sandbox-proxy', schema: proxyConfigSchema, argv: process.argv.slice(2), env: process.env }),
  start: async (config, { log }) => {
    const agentDirectory = resolve(config.agentStateDirectory);
    const kind = sandboxKind({
      image: config.image,
      images: config.images,
      // Two agents on one host differ in their state directories, and must leave each other's sandboxes alone.
      installation: createHash('sha256').update(agentDirectory).digest('hex').slice(0, 16),
      limits: limitsOf(config.limits),
      bundleRoot: join(agentDirectory, 'bundles'),
      packagesDirectory: join(agentDirectory, 'packages'),
      mountProof: config.mountProof,
      ...(config.runtime === '' ? {} : { runtime: config.runtime }),
    });
    const host = createContainerHost(connectDocker(config.docker.socket), kind);
    return await startProxyServer({ socketPath: config.listen, host, spec: sandboxSpecSchema, log });
  },
  stopTimeoutMs: 10_000,
});

type Asked = Readonly<Record<'memoryBytes' | 'cpus' | 'diskBytes', number | 'host'>>;

function limitsOf(limits: Asked & Omit<SandboxLimits, keyof Asked>): SandboxLimits {
  const or = (value: number | 'host', all: number): number => (value === 'host' ? all : value);
  return {
    ...limits,
    memoryBytes: or(limits.memoryBytes, totalmem()),
    cpus: or(limits.cpus, availableParallelism()),
    diskBytes: or(limits.diskBytes, totalmem()),
  };
}
