// node deploy/bin/main-show-config.ts ROLE [--origin] [--json] [--config FILE]: the settings of a daemon, as it would read
// them itself. A process of its own, because only this room may know the schemas of all daemons.

import { parseArgs } from 'node:util';
import { ConfigError, describeConfig } from '../../shared/daemon/config.ts';
import { daemonSchemas as schemas } from '../reference/daemon-schemas.ts';

function isRole(text: string | undefined): text is keyof typeof schemas {
  return text !== undefined && Object.hasOwn(schemas, text);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { origin: { type: 'boolean' }, json: { type: 'boolean' }, config: { type: 'string' } },
});
const [role] = positionals;
if (!isRole(role)) {
  process.stderr.write(`config: the daemons are ${Object.keys(schemas).join(', ')}\n`);
  process.exit(2);
}
try {
  const argv = values.config === undefined ? [] : ['--config', values.config];
  const rows = describeConfig({ role, schema: schemas[role], argv, env: process.env });
  if (values.json === true) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else {
    const width = Math.max(...rows.map((row) => row.key.length));
    const valueWidth = Math.min(60, Math.max(...rows.map((row) => row.value.length)));
    for (const { key, value, origin } of rows) {
      const tail = values.origin === true ? `  ${value.padEnd(valueWidth)}  ${origin}` : `  ${value}`;
      process.stdout.write(`${key.padEnd(width)}${tail}\n`);
    }
  }
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(
    `The configuration of ${role} has problems:\n${error.problems.map((line) => `  ${line}\n`).join('')}`,
  );
  process.exitCode = 2;
}
