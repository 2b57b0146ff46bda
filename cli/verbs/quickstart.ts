// `quickstart`: set-up, a cluster, a packaged task, a search with live progress, the verdict and a report. One command.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { shellWord } from '../../shared/core/shell-word.ts';
import { runningCluster } from '../cluster/cluster-lock.ts';
import { configPath, dataPath } from '../cluster/layout.ts';
import { type CliContext, findPlace, type Place } from '../context.ts';
import type { Task } from '../core/model.ts';
import { duration } from '../core/quantity.ts';
import { nearest } from '../core/suggestion.ts';
import { harmless } from '../core/text.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { type Followed, followRun } from '../follow.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import { handOver } from '../run-end.ts';
import { type SearchFlags, searchRequest, withSearch } from '../run-request.ts';
import { runQuietly } from '../spawned.ts';
import { type DryRunFlags, type OutputFlags, sayDryRun, withDryRun, withOutput } from '../verb.ts';
import { taskScript } from './task.ts';
import { bringUp, planUp, type UpFlags, withCluster } from './up.ts';

interface Flags extends UpFlags, SearchFlags, OutputFlags, DryRunFlags {
  readonly task: string;
  readonly model?: string;
  readonly slots?: number;
}

/** Ends when either is reached; both give way as soon as one of them is asked for. */
const defaultBudget = { candidates: 16, budget: 180 };

/** Sensible on a laptop: four such sandboxes fit into 8 GiB. */
const limits = { execution: 60, tool: 60, trajectory: 300, turns: 30, memory: 1536 * 2 ** 20, cpus: 1 };

export function addQuickstart(program: Command, cli: CliContext): void {
  const command = program
    .command('quickstart')
    .description('set up everything, search on a packaged task, report: 16 candidates or 3 minutes')
    .option('-t, --task <name>', 'a packaged task, or one that was imported', 'digits');
  withDryRun(withOutput(withCluster(withSearch(command)))).action(async (flags: Flags) => {
    checkTaskName(cli, flags.task);
    const place = findPlace(cli, flags);
    const running = runningCluster(place.stateDirectory);
    if (flags.dryRun === true) {
      await plan(cli, flags, place, running !== undefined);
      return;
    }
    if (running === undefined) {
      const cluster = await bringUp(cli, flags);
      try {
        const failed = cluster.done.then(() => new Promise<never>(() => undefined));
        cli.stderr.write(`${cli.stderr.style.good('✓')} Dashboard http://${cluster.dashboard}/\n`);
        await Promise.race([search(cli, flags, findPlace(cli, flags), 'ours'), failed]);
      } finally {
        await cluster.stop();
      }
      if (cli.exitCode !== exitCodes.detached) cli.stderr.write(closingWords(flags, cluster.dashboard));
      return;
    }
    cli.stderr.write(`${cli.stderr.style.good('✓')} Cluster that is running already (process ${running.pid})\n`);
    await search(cli, flags, place, 'running already');
  });
}

/** The cluster ends with the quick start, so every other verb and the dashboard need it up again: at the same place. */
export function closingWords(flags: Pick<UpFlags, 'stateDir' | 'pkiDir' | 'portBase'>, dashboard: string): string {
  const place = [
    flags.stateDir === undefined ? '' : ` --state-dir ${shellWord(flags.stateDir)}`,
    flags.pkiDir === undefined ? '' : ` --pki-dir ${shellWord(flags.pkiDir)}`,
  ].join('');
  const ports = flags.portBase === undefined ? '' : ` --port-base ${flags.portBase}`;
  return `
The cluster of the quick start has stopped; the run is kept. To look into it, or to search on:
  doubleblind up --detach${place}${ports}
  doubleblind tree${place}        and show '#1', transcript '#1', diff '#5', report --open …
  http://${dashboard}/
doubleblind is deploy/bin/doubleblind of the checkout.
`;
}

/** The cluster that would be started, and the search that would be made on it. */
async function plan(cli: CliContext, flags: Flags, place: Place, isRunning: boolean): Promise<void> {
  await checkTaskExists(cli, flags.task, place, isRunning);
  if (isRunning) cli.stderr.write(`${cli.stderr.style.good('✓')} The cluster that is running already\n`);
  else await planUp(cli, flags);
  const { candidates, wallSeconds } = quickSearch(flags).options;
  const ends = [
    candidates === undefined ? '' : `${candidates} candidates`,
    wallSeconds === undefined ? '' : duration(wallSeconds),
  ];
  const words = `a search on ${flags.task} that ends after ${ends.filter((end) => end !== '').join(' or ')}`;
  cli.stderr.write(`${cli.stderr.style.accent('…')} Then ${words}\n`);
  sayDryRun(cli);
}

function quickSearch(flags: Flags) {
  const asked = flags.candidates !== undefined || flags.budget !== undefined;
  return searchRequest(flags.task, { ...limits, ...(asked ? {} : defaultBudget), ...flags });
}

/** Whose the cluster is: ours ends with us, and its runs rest until it is up again. */
type WhoseCluster = 'ours' | 'running already';

async function search(cli: CliContext, flags: Flags, place: Place, cluster: WhoseCluster): Promise<void> {
  const { connectCoordinator } = await import('../rpc/coordinator.ts');
  const coordinator = connectCoordinator(place);
  try {
    await importTask(cli, coordinator, flags.task, place);
    const run = await coordinator.createRun(quickSearch(flags));
    const { style } = cli.stderr;
    cli.stderr.write(`${style.good('✓')} Run ${run.runId} on ${flags.task}\n`);
    const end = await followRun(cli, { coordinator, run, output: cli.stderr });
    await finish(cli, coordinator, end, { runId: run.runId, place, output: flags.output, cluster });
  } finally {
    coordinator.close();
  }
}

function detachedWords(runId: string, cluster: WhoseCluster): string {
  return cluster === 'ours'
    ? `Stopped. The run is kept: doubleblind up, then doubleblind watch ${runId}, goes on with it.`
    : `The run goes on. Follow it again: doubleblind watch ${runId}`;
}

async function finish(
  cli: CliContext,
  coordinator: Coordinator,
  end: Followed,
  of: {
    readonly runId: string;
    readonly place: Place;
    readonly output: 'table' | 'json';
    readonly cluster: WhoseCluster;
  },
): Promise<void> {
  const { place, output } = of;
  if (end.kind === 'detached') {
    cli.stderr.write(`${detachedWords(of.runId, of.cluster)}\n`);
    cli.exitCode = exitCodes.detached;
    return;
  }
  await handOver(cli, { coordinator, place }, end, { output, verb: 'quickstart' });
}

function packagedTasks(cli: CliContext): string[] {
  const folder = join(cli.root, 'tasks');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, 'task.yaml')));
}

/** A slip in the name is told before minutes of set-up; a name that only the evaluator knows passes. */
function checkTaskName(cli: CliContext, name: string): void {
  const packaged = packagedTasks(cli);
  const near = nearest(name, packaged);
  if (packaged.includes(name) || near === undefined) return;
  throw new CliError(exitCodes.notFound, `There is no packaged task ${name}; did you mean ${near}?`, [
    `Packaged tasks: ${packaged.join(', ')}.`,
  ]);
}

/** For a dry run: what the real one would find out when it imports the task. */
async function checkTaskExists(cli: CliContext, name: string, place: Place, isRunning: boolean): Promise<void> {
  if (packagedTasks(cli).includes(name)) return;
  if (isRunning) {
    const { connectCoordinator } = await import('../rpc/coordinator.ts');
    const coordinator = connectCoordinator(place);
    try {
      const known = await coordinator.listTasks();
      if (!known.some((task) => task.name === name)) throw noSuchTask(cli, name, known);
    } finally {
      coordinator.close();
    }
    return;
  }
  // An evaluator that never ran has no tasks. Of one that rests, only itself can tell what it has.
  if (!existsSync(dataPath(place, 'evaluator'))) throw noSuchTask(cli, name, []);
  const { style } = cli.stderr;
  cli.stderr.write(
    `${style.warn('?')} ${name} is no packaged task; whether it was imported shows when the cluster is up\n`,
  );
}

function noSuchTask(cli: CliContext, name: string, known: readonly Pick<Task, 'name'>[]): CliError {
  const names = [...new Set([...packagedTasks(cli), ...known.map((task) => task.name)])];
  return new CliError(exitCodes.notFound, `There is no task ${name}.`, [`Tasks: ${names.join(', ')}.`]);
}

async function importTask(cli: CliContext, coordinator: Coordinator, name: string, place: Place): Promise<void> {
  const known = await coordinator.listTasks();
  if (known.some((task) => task.name === name)) return;
  const directory = join(cli.root, 'tasks', name);
  if (!existsSync(directory)) throw noSuchTask(cli, name, known);
  const startedAt = performance.now();
  const words = ['import', directory, '--config', configPath(place, 'evaluator')];
  const { status, output } = await runQuietly(cli, taskScript, words);
  if (status !== 0)
    throw new CliError(exitCodes.failure, `The task ${name} could not be imported:\n${harmless(output)}`);
  const { style } = cli.stderr;
  const seconds = duration((performance.now() - startedAt) / 1000);
  cli.stderr.write(
    `${style.good('✓')} Task ${name} imported, its labels with the evaluator ${style.dim(`(${seconds})`)}\n`,
  );
}
