// `cost`: what a run has used and what that bought, by operator, model and attempt.

import type { Command } from 'commander';
import { operators } from '../../shared/core/vocabulary.ts';
import { type CliContext, findPlace, type PlaceFlags } from '../context.ts';
import { type CostRow, costByModel, costOf, type Spend, scoreGains } from '../core/cost.ts';
import type { Candidate, Run } from '../core/model.ts';
import { count, dollars, duration, score } from '../core/quantity.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { chooseRun, type OutputFlags, withCoordinator, withGateway, withOutput, withPlace } from '../verb.ts';
import { type Picture, showPicture, type WatchFlags, withWatch } from '../watched.ts';

interface Flags extends PlaceFlags, OutputFlags, WatchFlags {
  readonly attempts?: boolean;
}

function columnsFor(title: string): readonly Column<CostRow>[] {
  return [
    { title, value: (row) => row.name },
    { title: 'ATTEMPTS', value: (row) => count(row.attempts), align: 'right' },
    { title: 'TIME', value: (row) => duration(row.wallSeconds), align: 'right' },
    { title: 'SLOT TIME', value: (row) => duration(row.slotSeconds), align: 'right' },
    { title: 'GPU HOURS', value: (row) => (row.gpuHours > 0 ? row.gpuHours.toFixed(2) : '–'), align: 'right' },
    { title: 'MODEL CALLS', value: (row) => count(row.turns), align: 'right' },
    { title: 'TOKENS READ', value: (row) => count(row.inputTokens), align: 'right' },
    { title: 'WRITTEN', value: (row) => count(row.outputTokens), align: 'right' },
    { title: 'MONEY', value: (row) => dollars(row.dollars), align: 'right' },
    {
      title: 'SCORE GAINED',
      value: (row) => (row.scoreGained === null ? '–' : score(row.scoreGained)),
      align: 'right',
    },
  ];
}

export function addCost(program: Command, cli: CliContext): void {
  const command = program
    .command('cost')
    .description('time, tokens and money of a run (the newest one unless named), and the score gained for them')
    .argument('[run]', "run, or its id's unique beginning")
    .option('--attempts', 'a line for each attempt as well');
  withWatch(withOutput(withGateway(withPlace(command)))).action(async (id: string | undefined, flags: Flags) => {
    await withCoordinator(cli, flags, (coordinator) =>
      showPicture(cli, flags, async () => {
        const run = await chooseRun(coordinator, id);
        const candidates = await coordinator.listCandidates(run.runId);
        return bill(run, candidates, await spendOf(cli, flags, run), { attempts: flags.attempts === true, cli });
      }),
    );
  });
}

/** What the run has cost so far. */
function bill(
  run: Run,
  candidates: readonly Candidate[],
  spend: readonly Spend[],
  { attempts, cli }: { readonly attempts: boolean; readonly cli: CliContext },
): Picture {
  const gains = scoreGains(run, candidates);
  const byOperator = operators
    .map((operator) =>
      costOf(
        operator,
        candidates.filter((one) => one.operator === operator),
        gains,
      ),
    )
    .filter((row) => row.attempts > 0);
  const byModel = costByModel(spend, candidates, gains);
  const byAttempt = candidates.map((one) => costOf(`#${one.number} ${one.operator ?? ''}`.trim(), [one], gains));
  const total = costOf('all', candidates, gains);
  const attemptRows = byAttempt.map(({ name: _name, attempts: _attempts, ...row }, index) => ({
    candidateId: candidates[index]?.candidateId ?? '',
    ...row,
  }));
  const rows = { byOperator: renamed(byOperator, 'operator'), byModel: renamed(byModel, 'model') };
  const tables = [renderTable([...byOperator, total], columnsFor('OPERATOR'), cli.stdout)];
  if (byModel.length > 0) tables.push(renderTable(byModel, columnsFor('MODEL'), cli.stdout));
  if (attempts) tables.push(renderTable(byAttempt, columnsFor('ATTEMPT'), cli.stdout));
  return {
    json: { runId: run.runId, ...rows, byAttempt: attemptRows, total, usage: run.usage },
    text: [...tables, ...runningLine(candidates), ...budgetLine(run)].join('\n\n'),
  };
}

/** A host tells what an attempt has used when it ends; the gateway counts each call. */
function runningLine(candidates: readonly Candidate[]): string[] {
  const running = candidates.filter(({ state }) => state === 'running').length;
  if (running === 0) return [];
  const still = running === 1 ? 'An attempt still runs' : `${running} attempts still run`;
  return [`${still}: what is used for that so far is in the table of models alone.`];
}

function renamed(rows: readonly CostRow[], name: string): unknown[] {
  return rows.map(({ name: value, ...row }) => ({ [name]: value, ...row }));
}

/** What is left of the model's budget, where the run has one. */
function budgetLine({ options, usage }: Run): string[] {
  const parts = [
    ...((options?.dollars ?? 0) > 0 ? [`${dollars(usage.dollars)} of ${dollars(options?.dollars ?? 0)}`] : []),
    ...((options?.tokens ?? 0) > 0
      ? [`${count(usage.outputTokens)} of ${count(options?.tokens ?? 0)} tokens written`]
      : []),
  ];
  return parts.length === 0 ? [] : [`Budget used: ${parts.join(', ')}`];
}

/** The gateway knows which model was paid; where it cannot be asked the rest is still worth telling. */
async function spendOf(cli: CliContext, flags: Flags, run: Run): Promise<Spend[]> {
  try {
    const { fetchSpend } = await import('../rpc/gateway.ts');
    return await fetchSpend(findPlace(cli, flags), run.runId);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    cli.stderr.write(`The gateway was not asked which models were paid: ${message}\n`);
    return [];
  }
}
