// `results`: the best candidates of a run and its verdict.

import type { Command } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import { isScored, ranking } from '../core/history.ts';
import { candidateTable, verdictText } from '../results-text.ts';
import { chooseRun, type OutputFlags, positiveWhole, withCoordinator, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly limit: number;
  readonly all?: boolean;
}

export function addResults(program: Command, cli: CliContext): void {
  const command = program
    .command('results')
    .description(
      'the best candidates of a run (the newest one unless named) and its verdict; JSON has the candidates, best first',
    )
    .argument('[run]', "run, or its id's unique beginning")
    .option('-n, --limit <n>', 'most candidates to list', positiveWhole, 20)
    .option('-a, --all', 'all candidates, failed ones as well');
  withOutput(withPlace(command)).action(async (id: string | undefined, flags: Flags) => {
    const { run, candidates } = await withCoordinator(cli, flags, async (coordinator) => {
      const found = await chooseRun(coordinator, id);
      return { run: found, candidates: await coordinator.listCandidates(found.runId) };
    });
    const limit = flags.all === true ? candidates.length : flags.limit;
    const ranked = ranking(candidates, run.taskInfo?.lowerIsBetter ?? true).slice(0, limit);
    if (flags.output === 'json') {
      const others = flags.all === true ? candidates.filter((candidate) => !isScored(candidate)) : [];
      printJson(cli.stdout, [...ranked, ...others]);
      return;
    }
    const { style, columns } = cli.stdout;
    const table = candidateTable(run, candidates, { limit, failed: flags.all === true, width: columns, style });
    cli.stdout.write(`${table}\n\n${verdictText(run, candidates, style, columns)}\n`);
  });
}
