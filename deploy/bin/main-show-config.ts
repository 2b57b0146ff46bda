// node deploy/bin/main-show-config.ts ROLE [--origin] [--json] [--check] [--config FILE] [-- FLAG…]: the settings of a daemon, as it
// would read them itself with those flags, or with --check whether it would take them. A process of its own, because only this room may know the
// schemas of all daemons.

import { parseArgs } from 'node:util';
import { ConfigError, type ConfigRow, describeConfig } from '../../shared/daemon/config.ts';
import { endQuietlyWithoutReader } from '../../shared/daemon/end-quietly.ts';
import { daemonSchemas as schemas } from './daemon-schemas.ts';

endQuietlyWithoutReader();

function isRole(text: string | undefined): text is keyof typeof schemas {
  return text !== undefined && Object.hasOwn(schemas, text);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    origin: { type: 'boolean' },
    json: { type: 'boolean' },
    check: { type: 'boolean' },
    config: { type: 'string' },
  },
});
const [role, ...flags] = positionals;
if (!isRole(role)) {
  process.stderr.write(`config: the daemons are ${Object.keys(schemas).join(', ')}\n`);
  process.exit(2);
}

function print(rows: readonly ConfigRow[]): void {
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const width = Math.max(...rows.map((row) => row.key.length));
  const valueWidth = Math.min(60, Math.max(...rows.map((row) => row.value.length)));
  for (const { key, value, origin, overridden } of rows) {
    // That something was said to no effect is told unasked.
    const over = overridden.map((said) => `; ${said.origin} says ${said.value} to no effect`).join('');
    const told =
      values.origin === true || over !== '' ? `  ${value.padEnd(valueWidth)}  ${origin}${over}` : `  ${value}`;
    process.stdout.write(`${key.padEnd(width)}${told}\n`);
  }
}

/** One line, or one object, per daemon, so that several can be checked one after the other. */
function tellCheck(name: string, problems: readonly string[]): void {
  const file = values.config ?? `/etc/doubleblind/${name}.yaml`;
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify({ role: name, file, ok: problems.length === 0, problems })}\n`);
  } else if (problems.length === 0) process.stdout.write(`✓ ${name}: ${file}\n`);
  else process.stdout.write(`✗ ${name}: ${file}\n${problems.map((line) => `  ${line}\n`).join('')}`);
}

try {
  const argv = values.config === undefined ? flags : [...flags, '--config', values.config];
  const rows = describeConfig({ role, schema: schemas[role], argv, env: process.env });
  if (values.check === true) tellCheck(role, []);
  else print(rows);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  if (values.check === true) tellCheck(role, error.problems);
  else {
    const lines = error.problems.map((line) => `  ${line}\n`).join('');
    process.stderr.write(`The configuration of ${role} has problems:\n${lines}`);
  }
  process.exitCode = 2;
}
