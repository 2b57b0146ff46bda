// The gpu-agent's process.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { loadConfig } from '../shared/daemon/config.ts';
import { runDaemon } from '../shared/daemon/run-daemon.ts';
import { configSchema } from './config.ts';
import { createNvidiaSmiGpus } from './gpu/nvidia-smi.ts';
import { createDockerSandboxEngine } from './sandbox/docker-sandbox.ts';
import { startGpuAgent } from './start.ts';

await runDaemon({
  name: 'gpu-agent',
  readConfig: () =>
    loadConfig({ role: 'gpu-agent', schema: configSchema, argv: process.argv.slice(2), env: process.env }),
  start: (config, { log, clock }) => {
    // Two daemons on one host differ in their state directories, and must leave each other's sandboxes alone.
    const installation = createHash('sha256').update(resolve(config.stateDirectory)).digest('hex').slice(0, 16);
    const engine = createDockerSandboxEngine({
      image: config.sandbox.image,
      installation,
      socketPath: config.docker.socket,
    });
    return startGpuAgent(config, { log, clock, engine, gpus: createNvidiaSmiGpus() });
  },
  stopTimeoutMs: 15_000,
});
