// The llm-gateway daemon.

import { loadConfig } from '../shared/daemon/config.ts';
import { runDaemon } from '../shared/daemon/run-daemon.ts';
import { gatewayConfigSchema } from './config.ts';
import { startGateway } from './start.ts';

await runDaemon({
  name: 'llm-gateway',
  readConfig: () =>
    loadConfig({ role: 'llm-gateway', schema: gatewayConfigSchema, argv: process.argv.slice(2), env: process.env }),
  start: startGateway,
  stopTimeoutMs: 15_000,
});
