// `npm run bench -- NAME`: runs one benchmark beside its peers, prints a table, and writes JSON and SVG to bench/results/.

import { benchOfflinePolicy } from './offline-policy.ts';
import { benchScoring } from './scoring.ts';
import { benchService } from './service.ts';

/** Each runs its rounds and gives the lines to print. */
const benchmarks: Readonly<Record<string, (words: readonly string[]) => Promise<string>>> = {
  'offline-policy': benchOfflinePolicy,
  scoring: benchScoring,
  service: benchService,
};

const [name = '', ...words] = process.argv.slice(2);
const run = benchmarks[name];
if (run === undefined) {
  process.stderr.write(`usage: npm run bench -- NAME\nbenchmarks: ${Object.keys(benchmarks).join(', ')}\n`);
  process.exitCode = 2;
} else {
  try {
    process.stdout.write(await run(words));
  } catch (error) {
    process.stderr.write(`bench ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
