// What a dry run of `run` and `fork` shows: the run as the coordinator would create it, every default filled in.

import { type CliContext, printJson } from './context.ts';
import type { Host, Limits, Run } from './core/model.ts';
import { bytes, count, dollars, duration, plural } from './core/quantity.ts';
import type { Coordinator } from './rpc/coordinator.ts';
import { renderFields } from './terminal/table.ts';
import type { OutputFlags } from './verb.ts';

export async function showPlannedRun(
  cli: CliContext,
  { coordinator, run }: { readonly coordinator: Coordinator; readonly run: Run },
  flags: OutputFlags & { readonly seed?: number },
): Promise<void> {
  if (flags.output === 'json') printJson(cli.stdout, run);
  else
    cli.stdout.write(`${renderFields(plannedRun(run, await coordinator.listHosts(), flags.seed), cli.stdout.style)}\n`);
}

type Field = readonly [string, string];

/** Names and values, in the order of interest. */
function plannedRun(run: Run, hosts: readonly Host[], seed: number | undefined): Field[] {
  return [...taskFields(run), ...searchFields(run, hosts, seed)];
}

function taskFields({ task, taskInfo, forkedFrom, inheritedCandidates }: Run): Field[] {
  const origin: Field[] =
    forkedFrom === '' ? [] : [['goes on from', `${forkedFrom}, with ${plural(inheritedCandidates, 'candidate')}`]];
  if (taskInfo === null) return [['task', task], ...origin];
  const { version, metric, lowerIsBetter, trainRows, testRows, splitStrategy, refit } = taskInfo;
  return [
    ['task', `${task}, version ${version.slice(0, 12)}`],
    ...origin,
    ['metric', `${metric}, ${lowerIsBetter ? 'lower' : 'higher'} is better`],
    ['rows', `${count(trainRows)} that agents train on, ${count(testRows)} to predict`],
    ['splits', `${splitStrategy}, into search and validation rows by the evaluator`],
    ['refit', refit ? 'the winner runs once more on all labelled rows' : 'none'],
  ];
}

function searchFields(run: Run, hosts: readonly Host[], seed: number | undefined): Field[] {
  const { options } = run;
  if (options === null) return [];
  const limits = options.limits;
  return [
    ['slots', slots(options.parallelAttempts, hosts)],
    ['ends after', budgetWords(run)],
    ['model', options.model || "the gateway's default"],
    // The one that the coordinator made up for its answer is no promise.
    ['seed', seed === undefined ? 'a new one' : String(seed)],
    ['operators', `${options.operators.join(', ')}${options.repair === false ? '; no repair' : ''}`],
    [
      'selection',
      `temperature ${options.temperature}, crossover ${options.crossoverProbability}, draft ${options.draftProbability}`,
    ],
    ['finalists', String(options.finalists)],
    ['guidance', options.guidance || '–'],
    ...(limits === null
      ? []
      : ([
          ['each attempt', attemptWords(limits)],
          ['each sandbox', sandboxWords(limits)],
        ] as const)),
  ];
}

type AttemptLimits = Pick<Limits, 'trajectorySeconds' | 'turns' | 'toolSeconds'>;

export function attemptWords({ trajectorySeconds, turns, toolSeconds }: AttemptLimits): string {
  return `${duration(trajectorySeconds)}, ${turns} turns, ${duration(toolSeconds)} a tool call`;
}

type SandboxLimits = Pick<Limits, 'executionSeconds' | 'memoryBytes' | 'cpus'>;

export function sandboxWords({ executionSeconds, memoryBytes, cpus }: SandboxLimits): string {
  return `${duration(executionSeconds)} a solution, ${bytes(memoryBytes)}, ${plural(cpus, 'processor')}`;
}

function slots(most: number, hosts: readonly Host[]): string {
  const ready = hosts.filter(({ state }) => state === 'ready');
  const places = ready.flatMap((host) => host.slots).reduce((sum, { capacity }) => sum + capacity, 0);
  const there = `${plural(places, 'place')} on ${plural(ready.length, 'ready host')}`;
  return most === 0 ? `all there are, now ${there}` : `${most} at most, of ${there}`;
}

/** Every budget that a run has, in words. A fork's budget counts its own candidates, not those that it began with. */
export function budgetWords({ options, inheritedCandidates }: Pick<Run, 'options' | 'inheritedCandidates'>): string {
  const beside = inheritedCandidates > 0 ? ` beside ${inheritedCandidates} inherited` : '';
  const { candidates = 0, wallSeconds = 0, dollars: money = 0, tokens = 0, slotHours = 0 } = options ?? {};
  const parts = [
    candidates > 0 ? `${plural(candidates, 'candidate')}${beside}` : '',
    wallSeconds > 0 ? duration(wallSeconds) : '',
    money > 0 ? dollars(money) : '',
    tokens > 0 ? `${count(tokens)} tokens` : '',
    slotHours > 0 ? `${slotHours} slot-hours` : '',
  ];
  return parts.filter((part) => part !== '').join(', ') || '–';
}
