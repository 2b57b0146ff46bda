// The common parts of verbs: their flags, the connection, and the choice of a run or candidate by a prefix of its id.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { isId } from '../shared/core/ids.ts';
import { type CliContext, findPlace, type Place, type PlaceFlags } from './context.ts';
import type { Candidate, Run } from './core/model.ts';
import { parseBytes, parseDuration } from './core/quantity.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import type { Coordinator } from './rpc/coordinator.ts';

/** Adds a verb, or a group of verbs, to the program. */
export type AddVerb = (program: Command, cli: CliContext) => void;

export interface OutputFlags {
  readonly output: 'table' | 'json';
}

const outputFormats: readonly string[] = ['table', 'json'];

/** The flags of a verb that speaks to a cluster. */
export function withPlace(command: Command): Command {
  return command
    .addOption(new Option('--coordinator <host:port>', 'the coordinator (default: the one that `up` started here)'))
    .addOption(new Option('--pki-dir <dir>', 'directory with ca.crt, operator.crt and operator.key'))
    .addOption(stateDirectoryOption());
}

/** Which local cluster is meant. */
export function stateDirectoryOption(): Option {
  return new Option(
    '--state-dir <dir>',
    'state of a local cluster (default: DOUBLEBLIND_STATE_DIR, or .doubleblind in the checkout)',
  );
}

/** The flag of a verb that asks the llm-gateway as well. */
export function withGateway(command: Command): Command {
  return command.addOption(
    new Option('--gateway <host:port>', 'the llm-gateway (default: the one that `up` started here)'),
  );
}

export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'a table for people or JSON for programs')
      .choices(outputFormats)
      .default('table'),
  );
}

export interface DryRunFlags {
  readonly dryRun?: boolean;
}

/** The flag of every verb that changes something. */
export function withDryRun(command: Command): Command {
  return command.option('--dry-run', 'check everything, tell what would come of it, and change nothing');
}

/** What every dry run says; its data looks like an outcome and was none. */
export function sayDryRun(cli: CliContext): void {
  cli.stderr.write(`${cli.stderr.style.dim('Dry run: nothing was changed; what is shown is what would be.')}\n`);
}

/** Connects, does the work, and closes the connection whatever happens. For a dry run the coordinator is told to keep nothing. */
export async function withCoordinator<Value>(
  cli: CliContext,
  flags: PlaceFlags & DryRunFlags,
  work: (coordinator: Coordinator, place: Place) => Promise<Value>,
): Promise<Value> {
  const place = findPlace(cli, flags);
  const { connectCoordinator } = await import('./rpc/coordinator.ts');
  const coordinator = connectCoordinator(place, { validateOnly: flags.dryRun === true });
  try {
    if (flags.dryRun === true) await refuseOlder(coordinator);
    const value = await work(coordinator, place);
    if (flags.dryRun === true) sayDryRun(cli);
    return value;
  } finally {
    coordinator.close();
  }
}

/** A coordinator that does not know the word would do what it is only asked about. */
async function refuseOlder(coordinator: Coordinator): Promise<void> {
  if ((await coordinator.version()) !== '') return;
  throw new CliError(exitCodes.precondition, 'This coordinator is of an earlier version that knows no dry runs.', [
    'Nothing was asked of it. Upgrade it, or do without --dry-run.',
  ]);
}

/** The run with that id or prefix; the newest one where none is named. */
export async function chooseRun(coordinator: Coordinator, id: string | undefined): Promise<Run> {
  if (id !== undefined) return await coordinator.getRun(id);
  const [newest] = await coordinator.listRuns(1);
  if (newest === undefined) {
    throw new CliError(exitCodes.notFound, 'There is no run yet.', ['Start one: doubleblind run TASK']);
  }
  // Lists may leave details out.
  return await coordinator.getRun(newest.runId);
}

/** The candidate with that id or prefix, or `#7`, `7` in the newest run; its run beside it. */
export async function chooseCandidate(
  coordinator: Coordinator,
  id: string,
): Promise<{ readonly candidate: Candidate; readonly run: Run }> {
  const number = /^#?(\d{1,5})$/.exec(id)?.[1];
  if (number === undefined) {
    const candidate = await coordinator.getCandidate(id);
    return { candidate, run: await coordinator.getRun(candidate.runId) };
  }
  const run = await chooseRun(coordinator, undefined);
  const candidates = await coordinator.listCandidates(run.runId);
  const candidate = candidates.find((one) => one.number === Number(number));
  if (candidate === undefined) {
    throw new CliError(exitCodes.notFound, `Run ${run.runId} has no candidate #${number}.`, [
      `It has ${candidates.length}; doubleblind results ${run.runId} lists them.`,
    ]);
  }
  return { candidate, run };
}

// Parsers for commander: what they throw becomes a usage error that names the flag.

export function wholeNumber(text: string): number {
  return wholeFrom(0, text);
}

export function positiveWhole(text: string): number {
  return wholeFrom(1, text);
}

function wholeFrom(least: number, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw new InvalidArgumentError(`It must be a whole number, ${least} or more.`);
  }
  return value;
}

/** The name in a certificate. It stands in NATS subjects, where a dot would part it. */
export function certificateName(text: string): string {
  if (isId(text)) return text;
  const better = text.replaceAll('.', '-');
  const hint = isId(better) ? `, such as ${better}; DNS names and addresses go elsewhere` : '';
  throw new InvalidArgumentError(`It must be a name of letters, digits, - and _${hint}.`);
}

/** The same, several with commas. */
export function certificateNames(text: string): string[] {
  const names = text.split(',').filter((name) => name !== '');
  return names.map(certificateName);
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('It must be a number above 0.');
  }
  return value;
}

export function probability(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be between 0 and 1.');
  return value;
}

/** The file of a verb whose -o is no format: elsewhere the word after it is one, and a file named json helps nobody. */
export function outputFile(text: string): string {
  if (outputFormats.includes(text)) {
    throw new InvalidArgumentError(`It is a file here, not a format; ./${text} writes one of that name.`);
  }
  return text;
}

export function durationFlag(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new InvalidArgumentError('It must be a time such as 90s, 10m or 1h30m.');
  return seconds;
}

export function bytesFlag(text: string): number {
  const size = parseBytes(text);
  if (size === undefined) throw new InvalidArgumentError('It must be a size such as 1536m or 1.5GiB.');
  return size;
}
