// The coordinator's process.

import { connectBus } from '../shared/bus/bus.ts';
import { loadConfig } from '../shared/daemon/config.ts';
import { runDaemon } from '../shared/daemon/run-daemon.ts';
import { configSchema } from './config.ts';
import { startCoordinator } from './coordinator.ts';

await runDaemon({
  name: 'coordinator',
  readConfig: () =>
    loadConfig({ role: 'coordinator', schema: configSchema, argv: process.argv.slice(2), env: process.env }),
  start: (config, { log, clock }) => {
    const openBus = () => connectBus({ ...config.nats, tls: config.tls, name: 'coordinator', log });
    return startCoordinator(config, { log, clock, openBus });
  },
  stopTimeoutMs: 15_000,
});
