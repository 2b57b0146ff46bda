// `audit`: what the evaluator told of a run, proved from its ledger; here, or later from a file by somebody else.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { LedgerFile } from '../audit/ledger-file.ts';
import type { Verification } from '../audit/verify-ledger.ts';
import { type CliContext, clusterRecord, type Place, type PlaceFlags, printJson } from '../context.ts';
import { count, plural } from '../core/quantity.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { chooseRun, type OutputFlags, outputFile, withCoordinator, withOutput, withPlace } from '../verb.ts';

interface EvaluatorFlags extends PlaceFlags {
  readonly evaluator?: string;
}

interface VerifyFlags extends EvaluatorFlags, OutputFlags {
  readonly file?: string;
  readonly key?: string;
  readonly head?: string;
}

interface ExportFlags extends EvaluatorFlags {
  readonly output?: string;
}

const defaultEvaluator = '127.0.0.1:7443';

export function addAudit(program: Command, cli: CliContext): void {
  const group = program.command('audit').description('prove from the ledger what the evaluator told of a run');
  const verify = withEvaluator(group.command('verify'))
    .description('check the chain, its signatures, and that no validation or test score left before the seal')
    .argument('[run]', "run, or its id's unique beginning (default: the newest)")
    .option('--file <file>', 'a file of `audit export`, checked without any daemon')
    .option('--key <file>', 'public key of the evaluator in PEM, known from elsewhere')
    .option('--head <hash>', 'a hash that must be in the chain, such as the one in a report');
  withOutput(verify).action(async (id: string | undefined, flags: VerifyFlags) => {
    const { verifyLedger } = await import('../audit/verify-ledger.ts');
    const ledger = flags.file === undefined ? await gather(cli, id, flags) : await fromFile(cli, flags.file, id);
    const publicKeyPem = flags.key === undefined ? undefined : readFileSync(resolve(cli.cwd, flags.key), 'utf8');
    const claims = { ...ledger.run, isLive: flags.file === undefined };
    const verification = verifyLedger({ ...ledger, run: claims }, { publicKeyPem, head: flags.head });
    if (flags.output === 'json') printJson(cli.stdout, verification);
    else cli.stdout.write(`${verificationText(verification, cli)}\n`);
    if (!verification.ok) cli.exitCode = exitCodes.failure;
  });
  withEvaluator(group.command('export'))
    .description('the ledger and what the coordinator used of it, as one file that anybody can verify')
    .argument('[run]', "run, or its id's unique beginning (default: the newest)")
    .option('-o, --output <file>', 'where to write it (default: standard output)', outputFile)
    .action(async (id: string | undefined, flags: ExportFlags) => {
      const { writeLedgerFile } = await import('../audit/ledger-file.ts');
      const text = writeLedgerFile(await gather(cli, id, flags));
      if (flags.output === undefined || flags.output === '-') {
        cli.stdout.write(text);
        return;
      }
      const path = resolve(cli.cwd, flags.output);
      writeFileSync(path, text);
      cli.stdout.write(`${path}\n`);
    });
}

function withEvaluator(command: Command): Command {
  return withPlace(command).option(
    '--evaluator <host:port>',
    'the evaluator-node (default: DOUBLEBLIND_EVALUATOR, or the one that `up` started here)',
  );
}

function evaluatorAddress(cli: CliContext, flags: EvaluatorFlags, place: Place): string {
  return (
    flags.evaluator ??
    cli.env['DOUBLEBLIND_EVALUATOR'] ??
    clusterRecord(place.stateDirectory)?.addresses['evaluator'] ??
    defaultEvaluator
  );
}

/** The ledger from the evaluator, and the run from the coordinator: what one told is held against what the other used. */
async function gather(cli: CliContext, id: string | undefined, flags: EvaluatorFlags): Promise<LedgerFile> {
  return await withCoordinator(cli, flags, async (coordinator, place) => {
    const run = await chooseRun(coordinator, id);
    const candidates = await coordinator.listCandidates(run.runId);
    const { fetchLedger } = await import('../rpc/evaluator.ts');
    const { claimsOf } = await import('../audit/verify-ledger.ts');
    // The ledger is read last, so that every score which the coordinator has is in it already.
    return { ...(await fetchLedger(place, evaluatorAddress(cli, flags, place))), run: claimsOf(run, candidates) };
  });
}

async function fromFile(cli: CliContext, file: string, runId: string | undefined): Promise<LedgerFile> {
  const { readLedgerFile } = await import('../audit/ledger-file.ts');
  const ledger = readLedgerFile(readFileSync(resolve(cli.cwd, file), 'utf8'));
  if (typeof ledger === 'string') throw new CliError(exitCodes.failure, `${file} cannot be verified: ${ledger}.`);
  if (runId !== undefined && !ledger.run.runId.startsWith(runId)) {
    throw new CliError(exitCodes.notFound, `${file} is about the run ${ledger.run.runId}, not ${runId}.`);
  }
  return ledger;
}

function verificationText(verification: Verification, cli: CliContext): string {
  const { style } = cli.stdout;
  const { findings, sealedAt } = verification;
  const lines = [
    `run ${verification.runId}: ${plural(verification.records, 'record')} of ${count(verification.chainRecords)} in the chain`,
    `told ${plural(verification.scores, 'search score')} and ${plural(verification.refusals, 'refusal')} to ${verification.recipients.join(', ') || 'nobody'}`,
    `${count(verification.matched)} scores that the coordinator used are in the ledger`,
    sealedAt === undefined ? 'not sealed yet' : `sealed by record ${sealedAt}`,
    `head ${verification.head || '–'}`,
    `signed by the key with the fingerprint ${verification.keyFingerprint || '–'}`,
  ];
  const verdict = verification.ok
    ? [style.good('✓ chain, signatures and contents hold; no validation or test score left before the seal')]
    : findings.map((finding) => style.bad(`✗ ${finding}`));
  return [...lines, ...verdict].join('\n');
}
