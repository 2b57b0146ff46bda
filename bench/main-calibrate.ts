// `node bench/main-calibrate.ts STATE_DIRECTORY…`: what recorded runs say of an attempt, as bench/ablation-calibration.json
// for the simulated ablation. Reads the coordinators' journals of local clusters that have been stopped.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openJournal } from '../coordinator/journal/journal.ts';
import { calibrate, type RecordedRun } from './landscape/calibration.ts';

const runs: RecordedRun[] = [];
for (const directory of process.argv.slice(2)) {
  const journal = openJournal(join(directory, 'coordinator'));
  const state = journal.fold();
  journal.close();
  for (const run of state.runs.values()) {
    const attempts = run.attempts.flatMap((id) => {
      const attempt = state.attempts.get(id);
      if (attempt === undefined || attempt.endedAt === undefined) return [];
      const { operator, parents, phase, score, usage } = attempt;
      return [
        {
          ...{ id, operator, parents, failed: phase === 'failed', seconds: usage.wallSeconds },
          ...(score === undefined || phase !== 'scored'
            ? {}
            : { score: score.value, standardError: score.standardError }),
        },
      ];
    });
    runs.push({ task: run.task.name, lowerIsBetter: run.task.lowerIsBetter, attempts });
  }
}
const path = join(import.meta.dirname, 'ablation-calibration.json');
const about = {
  command: 'node bench/main-calibrate.ts STATE_DIRECTORY…, after doubleblind quickstart',
  ...calibrate(runs),
};
writeFileSync(path, `${JSON.stringify(about, undefined, 2)}\n`);
process.stdout.write(`${path}\n`);
