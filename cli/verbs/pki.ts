// `pki`: certificates of a cluster on one machine, and those of other hosts.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import type { Role } from '../../shared/pki/identity.ts';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import {
  certificateName,
  type DryRunFlags,
  type OutputFlags,
  positiveWhole,
  sayDryRun,
  stateDirectoryOption,
  withDryRun,
  withOutput,
} from '../verb.ts';

const roles: readonly Role[] = ['coordinator', 'gpu-agent', 'evaluator', 'llm-gateway', 'nats', 'operator'];

interface Row {
  readonly file: string;
  readonly identity: string;
  readonly notAfter: string;
  readonly daysLeft: number;
  readonly fingerprint: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'FILE', value: (row) => row.file },
  { title: 'IDENTITY', value: (row) => row.identity },
  { title: 'VALID UNTIL', value: (row) => row.notAfter.slice(0, 10) },
  { title: 'DAYS LEFT', value: (row) => String(row.daysLeft), align: 'right' },
  { title: 'SHA-256', value: (row) => `${row.fingerprint.slice(0, 23)}…` },
];

export function addPki(program: Command, cli: CliContext): void {
  const group = program.command('pki').description('certificates: init, issue, show');
  const init = group.command('init').description('make an authority and the certificates of a cluster on this machine');
  withDryRun(place(init))
    .option('--host-name <name>', 'name of its gpu-agent', certificateName, 'local')
    .action((flags: InitFlags) => initialise(cli, flags));
  withDryRun(place(group.command('issue').description('make the certificate of one daemon, to be carried to its host')))
    .addArgument(new Argument('<role>', 'whose it is').choices(roles))
    .requiredOption(
      '--name <name>',
      "the daemon's name: for a gpu-agent that of its host, without dots",
      certificateName,
    )
    .option('--host <name>', 'DNS name or address by which it is reached; may be repeated', repeated, [])
    .option('--days <days>', 'days of validity (default 365)', positiveWhole)
    .option('--renew', 'a new pair, though the one that was issued is good for more than 30 days')
    .requiredOption('--out <dir>', 'directory for ROLE.crt, ROLE.key and ca.crt')
    .action((role: Role, flags: IssueFlags) => issue(cli, role, flags));
  place(group.command('show').description('the certificates that are there')).action(
    async (flags: PlaceFlags & OutputFlags) => show(cli, flags),
  );
}

interface IssueFlags extends PlaceFlags, OutputFlags, DryRunFlags {
  readonly name: string;
  readonly host: readonly string[];
  readonly days?: number;
  readonly renew?: boolean;
  readonly out: string;
}

interface InitFlags extends PlaceFlags, OutputFlags, DryRunFlags {
  readonly hostName: string;
}

async function initialise(cli: CliContext, flags: InitFlags): Promise<void> {
  const { createLocalPki, missingOfLocalPki } = await import('../../shared/pki/authority.ts');
  const directory = findPlace(cli, flags).pkiDirectory;
  if (flags.dryRun !== true) {
    await createLocalPki(directory, flags.hostName);
    await show(cli, flags);
    return;
  }
  const files = missingOfLocalPki(directory, flags.hostName).flatMap((name) => [`${name}.crt`, `${name}.key`]);
  if (flags.output === 'json') printJson(cli.stdout, { directory, files });
  else if (files.length === 0) cli.stderr.write(`Every certificate in ${directory} is good; none would be made.\n`);
  else for (const file of files) cli.stdout.write(`${join(directory, file)}\n`);
  sayDryRun(cli);
}

/** The authority's key stays where it is; what is needed on the host goes into one directory. */
async function issue(cli: CliContext, role: Role, flags: IssueFlags): Promise<void> {
  const directory = findPlace(cli, flags).pkiDirectory;
  const { issueCertificate, wouldIssue } = await import('../../shared/pki/authority.ts');
  const { name, host: hosts, days } = flags;
  if (!existsSync(join(directory, 'ca.key'))) {
    throw new CliError(exitCodes.precondition, `There is no authority in ${directory}.`, [
      'Make one with: doubleblind pki init',
      'Certificates are issued on the machine that holds ca.key.',
    ]);
  }
  const out = resolve(cli.cwd, flags.out);
  const leaf = {
    ...{ role, name, hosts, fileName: `${role}-${name}` },
    ...(days === undefined ? {} : { days }),
    ...(flags.renew === undefined ? {} : { renew: flags.renew }),
  };
  if (flags.dryRun === true) {
    const created = wouldIssue(directory, leaf);
    if (flags.output === 'json') printJson(cli.stdout, { role, name, directory: out, created });
    else cli.stdout.write(`${role}/${name}: ${created ? 'a new pair' : 'the pair that was issued before'} in ${out}\n`);
    sayDryRun(cli);
    return;
  }
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const paths = await issueCertificate(directory, leaf);
  for (const [from, to, mode] of [
    [paths.certificate, `${role}.crt`, 0o644],
    [paths.key, `${role}.key`, 0o600],
    [join(directory, 'ca.crt'), 'ca.crt', 0o644],
  ] as const) {
    writeFileSync(join(out, to), readFileSync(from), { mode });
  }
  if (flags.output === 'json') printJson(cli.stdout, { role, name, directory: out, created: paths.created });
  else
    cli.stdout.write(
      `${paths.created ? '' : 'The pair that was issued before is still good; --renew makes a new one.\n'}${role}/${name}: ${out}/${role}.crt, ${role}.key and ca.crt. Carry them to /etc/doubleblind/pki of its host.\n`,
    );
}

function repeated(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}

function place(command: Command): Command {
  return withOutput(command)
    .option('--pki-dir <dir>', 'directory of the certificates (default: pki in the state directory)')
    .addOption(stateDirectoryOption());
}

async function show(cli: CliContext, flags: PlaceFlags & OutputFlags): Promise<void> {
  const directory = findPlace(cli, flags).pkiDirectory;
  const files = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.crt')) : [];
  if (files.length === 0) {
    throw new CliError(exitCodes.notFound, `There are no certificates in ${directory}.`, [
      'Make them with: doubleblind pki init',
    ]);
  }
  const { describeCertificate } = await import('../../shared/pki/authority.ts');
  const rows = files.sort().map((file): Row => {
    const { identity, isAuthority, notAfter, fingerprint } = describeCertificate(readFileSync(join(directory, file)));
    return {
      file,
      identity: identity === undefined ? (isAuthority ? 'authority' : '–') : `${identity.role}/${identity.name}`,
      notAfter: notAfter.toISOString(),
      daysLeft: Math.floor((notAfter.getTime() - Date.now()) / 86_400_000),
      fingerprint,
    };
  });
  if (flags.output === 'json') printJson(cli.stdout, { directory, certificates: rows });
  else cli.stdout.write(`${renderTable(rows, columns, cli.stdout)}\n`);
}
