// `cost`: what a run has used and what that bought, by operator, model and attempt.

import type { Command } from 'commander';
import { operators } from '../../shared/core/vocabulary.ts';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { type CostRow, costByModel, costOf, type Spend, scoreGains } from '../core/cost.ts';
import type { Run } from '../core/model.ts';
import { count, dollars, duration, score } from '../core/quantity.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { chooseRun, type OutputFlags, withCoordinator, withGateway, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags {
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
  withOutput(withGateway(withPlace(command))).action(async (id: string | undefined, flags: Flags) => {
    const { run, candidates } = await withCoordinator(cli, flags, async (coordinator) => {
      const found = await chooseRun(coordinator, id);
      return { run: found, candidates: await coordinator.listCandidates(found.runId) };
    });
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
    const byModel = costByModel(await spendOf(cli, flags, run), candidates, gains);
    const byAttempt = candidates.map((one) => costOf(`#${one.number} ${one.operator ?? ''}`.trim(), [one], gains));
    const total = costOf('all', candidates, gains);
    if (flags.output === 'json') {
      const rows = { byOperator: renamed(byOperator, 'operator'), byModel: renamed(byModel, 'model') };
      const attempts = byAttempt.map(({ name: _name, attempts: _attempts, ...row }, index) => ({
        candidateId: candidates[index]?.candidateId ?? '',
        ...row,
      }));
      printJson(cli.stdout, { runId: run.runId, ...rows, byAttempt: attempts, total, usage: run.usage });
      return;
    }
    const { style } = cli.stdout;
    const tables = [renderTable([...byOperator, total], columnsFor('OPERATOR'), style)];
    if (byModel.length > 0) tables.push(renderTable(byModel, columnsFor('MODEL'), style));
    if (flags.attempts === true) tables.push(renderTable(byAttempt, columnsFor('ATTEMPT'), style));
    cli.stdout.write(`${[...tables, ...budgetLine(run)].join('\n\n')}\n`);
  });
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
