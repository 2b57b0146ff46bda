// The evaluator-node's daemon.

import { loadConfig } from '../shared/daemon/config.ts';
import { runDaemon } from '../shared/daemon/run-daemon.ts';
import { configSchema } from './config.ts';
import { startEvaluator } from './evaluator.ts';

await runDaemon({
  name: 'evaluator',
  readConfig: () =>
    loadConfig({ role: 'evaluator', schema: configSchema, argv: process.argv.slice(2), env: process.env }),
  start: (config, deps) => {
    const credentialsDirectory = process.env['CREDENTIALS_DIRECTORY'];
    return startEvaluator(config, { ...deps, ...(credentialsDirectory === undefined ? {} : { credentialsDirectory }) });
  },
  stopTimeoutMs: 10_000,
});
