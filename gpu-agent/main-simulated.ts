// UNSAFE, for tests and demonstrations of the fleet: the same daemon over sandboxes that are plain directories, with no
// isolation whatever. Needs no Docker. Never let it run what you would not run yourself.

import { mkdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { loadConfig } from '../shared/daemon/config.ts';
import { runDaemon } from '../shared/daemon/run-daemon.ts';
import { configSchema } from './config.ts';
import { createFakeSandboxEngine } from './sandbox/fake-sandbox.ts';
import { startGpuAgent } from './start.ts';

await runDaemon({
  name: 'gpu-agent-simulated',
  readConfig: () =>
    loadConfig({ role: 'gpu-agent', schema: configSchema, argv: process.argv.slice(2), env: process.env }),
  start: (config, { log, clock }) => {
    const root = join(resolve(config.stateDirectory), 'simulated-sandboxes');
    mkdirSync(root, { recursive: true, mode: 0o700 });
    // As a real host of this size would have it, although nothing holds these sandboxes to their limits.
    const largest = { cpus: availableParallelism(), memoryBytes: totalmem() };
    log.warn({ root }, 'sandboxes are simulated: the code of attempts runs without any isolation');
    return startGpuAgent(config, { log, clock, engine: createFakeSandboxEngine({ root, largest }) });
  },
  stopTimeoutMs: ({ stopPatienceMs }) => stopPatienceMs + 15_000,
});
