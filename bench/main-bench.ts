// `npm run bench -- NAME`: runs one benchmark beside its peers, prints a table, and writes JSON and SVG to bench/results/.
// Exits with 1 where a benchmark failed, or where what we promise did not hold in it.

import { benchAblation } from './ablation.ts';
import { benchAblationSimulated } from './ablation-simulated.ts';
import { benchDispatch } from './dispatch.ts';
import { benchFleet } from './fleet.ts';
import { isGuarded, runGuarded } from './guard.ts';
import { benchMleBench } from './mle-bench.ts';
import { benchOfflinePolicy } from './offline-policy.ts';
import { benchRecovery } from './recovery.ts';
import { type BenchReport, headLines } from './results.ts';
import { benchSandbox } from './sandbox.ts';
import { benchScoring } from './scoring.ts';
import { benchSelection } from './selection.ts';
import { benchService } from './service.ts';
import { benchUtilisation } from './utilisation.ts';

const benchmarks: Readonly<Record<string, (words: readonly string[]) => Promise<BenchReport>>> = {
  ablation: benchAblation,
  'ablation-simulated': benchAblationSimulated,
  dispatch: benchDispatch,
  fleet: benchFleet,
  'mle-bench': benchMleBench,
  'offline-policy': benchOfflinePolicy,
  recovery: benchRecovery,
  sandbox: benchSandbox,
  scoring: benchScoring,
  selection: benchSelection,
  service: benchService,
  utilisation: benchUtilisation,
};

const [name = '', ...words] = process.argv.slice(2);
const run = benchmarks[name];
if (run === undefined) {
  process.stderr.write(`usage: npm run bench -- NAME\nbenchmarks: ${Object.keys(benchmarks).join(', ')}\n`);
  process.exitCode = 2;
} else if (!isGuarded()) {
  process.exitCode = await runGuarded();
} else {
  try {
    const { text, broken } = await run(words);
    process.stdout.write(`${headLines()}${text}`);
    for (const promise of broken) process.stderr.write(`bench ${name}: ${promise}\n`);
    if (broken.length > 0) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`bench ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
