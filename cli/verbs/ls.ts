// `ls`: the runs, newest first.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import type { Run } from '../core/model.ts';
import { duration, minute, score } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { type OutputFlags, positiveWhole, withCoordinator, withOutput, withPlace } from '../verb.ts';
import { showPicture, type WatchFlags, withWatch } from '../watched.ts';

const columns: readonly Column<Run>[] = [
  { title: 'RUN', value: (run) => run.runId },
  { title: 'TASK', value: (run) => run.task },
  {
    title: 'STATE',
    value: (run) => (run.state === 'sealed' && run.endReason ? `sealed (${run.endReason})` : run.state),
  },
  { title: 'SCORED', value: (run) => String(run.candidatesScored), align: 'right' },
  { title: 'FAILED', value: (run) => String(run.attemptsFailed), align: 'right' },
  {
    title: 'BEST SEARCH',
    value: (run) => (run.bestCandidateId === '' ? '–' : score(run.bestSearchScore)),
    align: 'right',
  },
  { title: 'VALIDATION', value: validation, align: 'right' },
  { title: 'TIME', value: (run) => duration(run.elapsedSeconds), align: 'right' },
  { title: 'CREATED', value: (run) => minute(run.createdAt) },
  { title: 'OWNER', value: (run) => oneLine(run.owner) || '–' },
];

function validation(run: Run): string {
  const row = run.verdict?.finalists.find((finalist) => finalist.candidateId === run.verdict?.winnerId);
  return row === undefined ? '–' : score(run.verdict?.finalScore ?? row.validationScore);
}

interface Flags extends PlaceFlags, OutputFlags, WatchFlags {
  readonly limit: number;
}

export function addLs(program: Command, cli: CliContext): void {
  const command = program
    .command('ls')
    .description('list the runs, newest first')
    .option('-n, --limit <n>', 'most runs to list', positiveWhole, 50);
  withWatch(withOutput(withPlace(command))).action(async (flags: Flags) => {
    await withCoordinator(cli, flags, (coordinator) =>
      showPicture(cli, flags, async () => {
        const runs = await coordinator.listRuns(flags.limit);
        const text = runs.length === 0 ? '' : renderTable(runs, columns, cli.stdout);
        return { json: runs, text, nothing: 'There is no run yet. Start one: doubleblind run TASK' };
      }),
    );
  });
}
