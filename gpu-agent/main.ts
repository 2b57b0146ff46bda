// The gpu-agent's process.

import { loadConfig } from '../shared/daemon/config.ts';
import { runDaemon } from '../shared/daemon/run-daemon.ts';
import { connectContainerHost } from '../shared/sandbox/proxy-client.ts';
import { configSchema } from './config.ts';
import { followKernelLog } from './gpu/kernel-log.ts';
import { createNvidiaSmiGpus } from './gpu/nvidia-smi.ts';
import { createDockerSandboxEngine } from './sandbox/docker-sandbox.ts';
import { startGpuAgent } from './start.ts';

await runDaemon({
  name: 'gpu-agent',
  readConfig: () =>
    loadConfig({ role: 'gpu-agent', schema: configSchema, argv: process.argv.slice(2), env: process.env }),
  start: (config, { log, clock }) => {
    const engine = createDockerSandboxEngine(connectContainerHost(config.sandbox.proxySocket));
    return startGpuAgent(config, {
      log,
      clock,
      engine,
      gpus: createNvidiaSmiGpus(),
      faults: followKernelLog({ clock, log }),
    });
  },
  stopTimeoutMs: ({ stopPatienceMs }) => stopPatienceMs + 15_000,
});
