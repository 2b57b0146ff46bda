// node deploy/bin/main-show-config.ts ROLE [--origin] [--json] [--check] [--config FILE] [-- FLAG…]: the settings of a daemon, as it
// would read them itself with those flags, or with --check whether it would take them. A process of its own, because only this room may know the
// schemas of all daemons.

import { parseArgs } from 'node:util';
import { ConfigError, type ConfigRow, describeConfig } from '../../shared/daemon/config.ts';
import { endQuietlyWithoutReader } from '../../shared/daemon/end-quietly.ts';
import { type CertificateLook, checkCertificate } from './certificate-check.ts';
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
function tellCheck(name: string, { problems, notLookedAt }: CertificateLook): void {
  const file = values.config ?? `/etc/doubleblind/${name}.yaml`;
  if (values.json === true) {
    const told = { role: name, file, ok: problems.length === 0, problems, notLookedAt };
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const lines = [...problems, ...notLookedAt.map((what) => `not looked at: ${what}`)];
  const mark = problems.length === 0 ? '✓' : '✗';
  process.stdout.write(`${mark} ${name}: ${file}\n${lines.map((line) => `  ${line}\n`).join('')}`);
}

/** What the files come to that the settings name; nothing for a daemon without a certificate. */
function lookAtCertificate(name: string, rows: readonly ConfigRow[]): CertificateLook {
  const path = (key: string): string | undefined => {
    const row = rows.find((one) => one.key === `tls.${key}`);
    return row === undefined ? undefined : (JSON.parse(row.value) as string);
  };
  const [ca, certificate, key] = [path('ca'), path('certificate'), path('key')];
  if (ca === undefined || certificate === undefined || key === undefined) return { problems: [], notLookedAt: [] };
  return checkCertificate(name, { ca, certificate, key }, Date.now());
}

try {
  const argv = values.config === undefined ? flags : [...flags, '--config', values.config];
  const rows = describeConfig({ role, schema: schemas[role], argv, env: process.env });
  if (values.check === true) {
    const look = lookAtCertificate(role, rows);
    tellCheck(role, look);
    if (look.problems.length > 0) process.exitCode = 2;
  } else print(rows);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  if (values.check === true) tellCheck(role, { problems: error.problems, notLookedAt: [] });
  else {
    const lines = error.problems.map((line) => `  ${line}\n`).join('');
    process.stderr.write(`The configuration of ${role} has problems:\n${lines}`);
  }
  process.exitCode = 2;
}
