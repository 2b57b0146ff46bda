// `results`: the best candidates of a run and its verdict.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { isScored, ranking } from '../core/history.ts';
import { forgivingModelsReader } from '../models.ts';
import { candidateTable, offlineText, verdictText } from '../results-text.ts';
import { filesWords } from '../run-end.ts';
import { chooseRun, type OutputFlags, positiveWhole, withCoordinator, withOutput, withPlace } from '../verb.ts';
import { showPicture, type WatchFlags, withWatch } from '../watched.ts';

interface Flags extends PlaceFlags, OutputFlags, WatchFlags {
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
  withWatch(withOutput(withPlace(command))).action(async (id: string | undefined, flags: Flags) => {
    await withCoordinator(cli, flags, (coordinator, place) => {
      const modelsOf = forgivingModelsReader(coordinator);
      return showPicture(cli, flags, async () => {
        const run = await chooseRun(coordinator, id);
        const candidates = await coordinator.listCandidates(run.runId);
        const limit = flags.all === true ? candidates.length : flags.limit;
        const ranked = ranking(candidates, run.taskInfo?.lowerIsBetter ?? true).slice(0, limit);
        const others = flags.all === true ? candidates.filter((candidate) => !isScored(candidate)) : [];
        const { style, columns } = cli.stdout;
        const table = candidateTable(run, candidates, { limit, failed: flags.all === true, screen: cli.stdout });
        const files = filesWords(run, place.stateDirectory);
        const seen = await modelsOf(run, candidates);
        const blocks = [
          table,
          verdictText(run, candidates, style, columns),
          offlineText(seen, style, columns),
          files === '' ? '' : `${style.bold('Files')}       ${files}`,
        ];
        return { json: [...ranked, ...others], text: blocks.filter((block) => block !== '').join('\n\n') };
      });
    });
  });
}
