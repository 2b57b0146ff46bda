// `task init | validate | import | ls | rekey` as functions of arguments: what main-task.ts runs on the evaluator's machine, the
// only way in for labels.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { shellWord } from '../../shared/core/shell-word.ts';
import { ConfigError, loadConfig } from '../../shared/daemon/config.ts';
import { lockState, StateDirectoryTaken } from '../../shared/daemon/state-lock.ts';
import { configSchema } from '../config.ts';
import type { Rehearsal } from '../grader/rehearsal.ts';
import { LabelKeyError, type LabelKeyPaths, labelKeyPaths } from '../vault/label-keys.ts';
import { openVault } from '../vault/vault.ts';
import { type VaultView, viewVault } from '../vault/vault-view.ts';
import { checkGrader, type GraderCheck } from './grader-check.ts';
import { checkFolder, importTask, outcomeOf } from './import-task.ts';
import { AlreadyInitialised, initTask } from './init.ts';
import type { TaskPlan } from './plan.ts';
import { describeProblem, ImportError } from './problem.ts';
import { reportOf, reportText, type TaskReport } from './report.ts';
import { usageOf } from './usage.ts';

/** What a command leaves: data on standard output, words on standard error, and an exit code of the command line's table. */
export interface CommandResult {
  readonly exitCode: 0 | 2 | 3 | 6;
  readonly stdout: string;
  readonly stderr: string;
}

const nothingWritten = 'Dry run: nothing was written.\n';

interface Options {
  readonly output: 'json' | 'table';
  readonly directory: string;
  readonly targets?: readonly string[];
  readonly metric?: string;
  readonly grader?: string;
  readonly better?: 'lower' | 'higher';
  /** False where a task's own grader is not to be run. */
  readonly runsGrader: boolean;
  /** True where nothing is to be written. */
  readonly dryRun: boolean;
  readonly config?: string;
  readonly id?: string;
  readonly name?: string;
  readonly positive?: string;
  readonly stateDirectory?: string;
  readonly keys?: LabelKeyPaths;
}

class UsageError extends Error {}

/** How graders are run, by the configuration file that is named, if any. */
export type RehearsalOf = (config: string | undefined) => Rehearsal;

/** Runs one command. */
export async function runTaskCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  rehearsalOf: RehearsalOf,
): Promise<CommandResult> {
  const [verb = '', ...rest] = argv;
  try {
    if (argv.some((word) => word === '-h' || word === '--help'))
      return { exitCode: 0, stdout: usageOf(verb), stderr: '' };
    const options = readOptions(verb, rest, env);
    return { exitCode: 0, stderr: '', ...(await commands[verb]?.(options, rehearsalOf)) } as CommandResult;
  } catch (error) {
    return failed(error, verb);
  }
}

type Output = Pick<CommandResult, 'stdout'> & { readonly stderr?: string };

const commands: Readonly<Record<string, (options: Options, rehearsalOf: RehearsalOf) => Promise<Output>>> = {
  init: runInit,
  validate: runValidate,
  import: runImport,
  ls: runList,
  rekey: runRekey,
};

function readOptions(
  verb: string,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options {
  if (commands[verb] === undefined) throw new UsageError(verb === '' ? 'no command given' : `unknown command ${verb}`);
  let parsed: ReturnType<typeof parseTaskArgs>;
  try {
    parsed = parseTaskArgs(argv);
  } catch (error) {
    // What Node says after its first sentence is about file names that begin with a dash.
    const said = error instanceof Error ? error.message : String(error);
    throw new UsageError(said.replace(/\. To specify a positional argument.*/s, ''), { cause: error });
  }
  const { values, positionals } = parsed;
  const output = values.output ?? 'table';
  if (output !== 'json' && output !== 'table') throw new UsageError(`-o takes json or table, not ${output}`);
  const wanted = verb === 'ls' || verb === 'rekey' ? 0 : 1;
  if (positionals.length !== wanted) throw new UsageError(`${verb} takes ${wanted === 0 ? 'no' : 'one'} directory`);
  if (verb === 'init') initNeeds(values);
  const needsState = verb === 'import' || verb === 'ls' || verb === 'rekey';
  const configured = needsState ? configuredState(values, env) : undefined;
  const { target: targets, metric, grader, better, config, id, name, positive } = values;
  const runsGrader = values['no-grader'] !== true;
  const dryRun = values['dry-run'] === true;
  const directory = positionals[0] ?? '';
  const options = {
    output,
    directory,
    targets,
    metric,
    grader,
    better,
    runsGrader,
    dryRun,
    config,
    id,
    name,
    positive,
    ...configured,
  };
  return JSON.parse(JSON.stringify(options)) as Options;
}

function initNeeds({ metric, grader, better }: ReturnType<typeof parseTaskArgs>['values']): void {
  if ((metric === undefined) === (grader === undefined))
    throw new UsageError('init needs one of --metric and --grader');
  if (grader === undefined && better === undefined) return;
  if (grader === undefined) throw new UsageError('--better is of a grader; a metric has a direction of its own');
  if (better !== 'lower' && better !== 'higher')
    throw new UsageError('--grader needs --better lower or --better higher');
}

/** The state directory and the keys of the evaluator's configuration, as the daemon would read them. */
function configuredState(
  { config, 'state-dir': told }: ReturnType<typeof parseTaskArgs>['values'],
  env: Readonly<Record<string, string | undefined>>,
): { readonly stateDirectory: string; readonly keys: LabelKeyPaths } {
  const argv = config === undefined ? [] : ['--config', config];
  if (told !== undefined && config === undefined) return { stateDirectory: told, keys: labelKeyPaths(told) };
  const { stateDirectory, labelKeys } = loadConfig({ role: 'evaluator', schema: configSchema, argv, env });
  const directory = told ?? stateDirectory;
  return { stateDirectory: directory, keys: labelKeyPaths(directory, labelKeys, env['CREDENTIALS_DIRECTORY']) };
}

function parseTaskArgs(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      target: { ...text, multiple: true },
      metric: text,
      grader: text,
      better: text,
      'no-grader': { type: 'boolean' },
      'dry-run': { type: 'boolean' },
      id: text,
      name: text,
      positive: text,
      'state-dir': text,
      config: text,
      output: { ...text, short: 'o' },
    },
  });
}

async function runInit(options: Options): Promise<Output> {
  const { directory, targets, metric = '', grader, better, id, name, positive, dryRun } = options;
  const optional = {
    ...(targets === undefined ? {} : { targets }),
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(positive === undefined ? {} : { positive }),
  };
  const scoring = grader === undefined ? { metric } : { grader, lowerIsBetter: better === 'lower' };
  const made = await initTask({ directory, scoring, dryRun, ...optional });
  const report = reportOf(made.plan);
  const { grader: own } = made;
  const written = own?.content === undefined ? [] : [join(directory, own.file)];
  if (options.output === 'json') return { stdout: json({ path: made.path, grader: own?.file ?? null, ...report }) };
  const files = [made.path, ...written].join(' and ');
  if (dryRun) return { stdout: `${reportText(report)}Would write ${files}. ${nothingWritten}`, stderr: '' };
  const words = `Wrote ${files}.`;
  const change = own?.isScaffold === true ? ` Change ${own.file} to what the task is about.` : '';
  return {
    stdout: `${reportText(report)}${words}${change} Next: \`doubleblind task validate ${shellWord(directory)}\`\n`,
  };
}

async function runValidate(options: Options, rehearsalOf: RehearsalOf): Promise<Output> {
  const plan = await checkFolder(options.directory);
  const check = await graderCheck(plan, options, rehearsalOf);
  if (check?.problem !== undefined) throw new ImportError(options.directory, [check.problem]);
  return { stdout: render(options, reportOf(plan, check), 'Importable; nothing was written.\n') };
}

/** What the grader of a task does, where it has one that is to be run. */
async function graderCheck(
  plan: TaskPlan,
  { runsGrader, config }: Options,
  rehearsalOf: RehearsalOf,
): Promise<GraderCheck | undefined> {
  return plan.folder.grader === undefined || !runsGrader ? undefined : checkGrader(plan, rehearsalOf(config));
}

/**
 * The vault of that directory, which may be a new one. `--state-dir` names the evaluator's own directory here and a whole
 * cluster's elsewhere: the one given for the other would be a second vault that no daemon reads.
 */
function vaultIn(options: Options): ReturnType<typeof openVault> {
  const { stateDirectory = '', keys } = options;
  refuseOther(stateDirectory);
  return openVault(stateDirectory, keys === undefined ? {} : { keys });
}

/** The same for a look. */
function viewIn({ stateDirectory = '' }: Options): VaultView | undefined {
  refuseOther(stateDirectory);
  return viewVault(stateDirectory);
}

function refuseOther(stateDirectory: string): void {
  const has = (...path: string[]): boolean => existsSync(join(stateDirectory, ...path));
  const meant = (directory: string): UsageError =>
    new UsageError(`${stateDirectory} is not the evaluator's state directory: ${directory} is; give that one`);
  if (!has('vault.sqlite') && has('evaluator', 'vault.sqlite')) throw meant(join(stateDirectory, 'evaluator'));
  if (!has('vault.sqlite') && has('..', 'vault.sqlite')) throw meant(join(stateDirectory, '..'));
}

async function runImport(options: Options, rehearsalOf: RehearsalOf): Promise<Output> {
  if (options.dryRun) return await planImport(options, rehearsalOf);
  const vault = vaultIn(options);
  try {
    const { kind, task, plan, ...imported } = await importTask(vault, options.directory);
    const check = kind === 'unchanged' ? undefined : await graderCheck(plan, options, rehearsalOf);
    const warnings = [...imported.warnings, ...graderWarnings(check)];
    const { name } = task.description;
    const told = {
      imported: `Imported the task ${name}.`,
      newVersion: `Imported a new version of the task ${name}; runs that began before keep the old one.`,
      restored: `The task ${name} is an earlier version again, which was imported before.`,
      unchanged: `The task ${name} is already imported; nothing changed.`,
    }[kind];
    const { description, ...rest } = task.description;
    const data = { outcome: kind, version: task.version, bundleDigest: task.bundleDigest, ...rest, warnings };
    const words = [told, ...warnings.map((warning) => `Warning: ${warning}`)];
    return { stdout: options.output === 'json' ? json(data) : `${words.join('\n')}\n` };
  } finally {
    vault.close();
  }
}

function graderWarnings(check: GraderCheck | undefined): readonly string[] {
  const unfit = check?.problem === undefined ? [] : [describeProblem(check.problem)];
  return [...unfit, ...(check?.warnings ?? [])];
}

/** The same checks, and a look into the vault. */
async function planImport(options: Options, rehearsalOf: RehearsalOf): Promise<Output> {
  const vault = viewIn(options);
  try {
    const plan = await checkFolder(options.directory);
    const { settings, contentDigest } = plan.folder;
    const { name } = settings;
    const outcome = outcomeOf(vault?.currentVersion(name), vault?.findContent(name, contentDigest));
    const check = outcome === 'unchanged' ? undefined : await graderCheck(plan, options, rehearsalOf);
    const report = reportOf(plan, check);
    const warnings = [...plan.warnings, ...graderWarnings(check)];
    if (options.output === 'json') return { stdout: json({ outcome, ...report, warnings }) };
    const told = {
      imported: `The task ${name} would be imported.`,
      newVersion: `A new version of the task ${name} would be imported; runs that began before keep the old one.`,
      restored: `The task ${name} would be an earlier version again, which was imported before.`,
      unchanged: `The task ${name} is already imported; nothing would change.`,
    }[outcome];
    return { stdout: `${reportText(report)}${told} ${nothingWritten}` };
  } finally {
    vault?.close();
  }
}

async function runList(options: Options): Promise<Output> {
  const vault = vaultIn(options);
  try {
    const tasks = vault.listTasks('', 1000).map(({ version, description }) => {
      const { name, title, metric, trainRows, testRows, licence } = description;
      return { name, title, metric, trainRows, testRows, licence, version };
    });
    if (options.output === 'json') return { stdout: json(tasks) };
    const rows = tasks.map((task) => [
      task.name,
      task.metric,
      String(task.trainRows),
      String(task.testRows),
      task.title,
    ]);
    return { stdout: columns([['NAME', 'METRIC', 'TRAIN', 'TEST', 'TITLE'], ...rows]) };
  } finally {
    vault.close();
  }
}

async function runRekey(options: Options): Promise<Output> {
  const planned = planRekey(options);
  if (options.dryRun) return planned;
  // A daemon that runs would go on with the keys before.
  const lock = await lockState(options.stateDirectory ?? '', 'task rekey');
  try {
    return changeKeys(options);
  } finally {
    lock.release();
  }
}

function changeKeys(options: Options): Output {
  const vault = vaultIn(options);
  try {
    vault.changeKeys();
    const { keys } = options;
    if (options.output === 'json') return { stdout: json({ keys }) };
    return { stdout: `The labels have new keys: ${keyFiles(options)}. Back them up, and start the evaluator again.\n` };
  } finally {
    vault.close();
  }
}

/** What it would do; throws where there is nothing to do it to, so that no new vault is made for it. */
function planRekey(options: Options): Output {
  const { keys, stateDirectory = '' } = options;
  const vault = viewIn(options);
  if (vault === undefined)
    throw new LabelKeyError(`there is no vault in ${stateDirectory}, so it has no keys to change`);
  try {
    if (keys !== undefined) vault.checkKeyChange(keys);
    if (options.output === 'json') return { stdout: json({ keys }) };
    return { stdout: `The keys in ${keyFiles(options)} would be replaced. ${nothingWritten}` };
  } finally {
    vault.close();
  }
}

function keyFiles({ keys }: Options): string {
  return [keys?.search, keys?.validation].filter((path) => path !== undefined).join(' and ');
}

function render(options: Options, report: TaskReport, last: string): string {
  return options.output === 'json' ? json(report) : `${reportText(report)}${last}`;
}

function json(data: unknown): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function failed(error: unknown, verb: string): CommandResult {
  if (error instanceof UsageError) return { exitCode: 2, stdout: '', stderr: `${error.message}\n${usageOf(verb)}` };
  if (error instanceof ConfigError) return { exitCode: 2, stdout: '', stderr: `${error.message}\n` };
  if (error instanceof LabelKeyError || error instanceof StateDirectoryTaken)
    return { exitCode: 6, stdout: '', stderr: `${error.message}\n` };
  if (error instanceof AlreadyInitialised) return { exitCode: 6, stdout: '', stderr: `${error.message}\n` };
  if (error instanceof ImportError) {
    const missing = error.problems.some((problem) => problem.message === 'there is no such directory');
    const stderr = missing ? `${error.problems.map(describeProblem).join('\n')}\n` : `${error.message}\n`;
    return { exitCode: missing ? 3 : 6, stdout: '', stderr };
  }
  throw error;
}
