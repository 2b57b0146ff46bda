// `npm run sim -- --seeds N [--first SEED]` runs many seeds; `-- --seed N` replays one and tells all that happens in it.

import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { endQuietlyWithoutReader } from '../../shared/daemon/end-quietly.ts';
import { simulateMany } from './many.ts';
import { simulate } from './simulation.ts';

endQuietlyWithoutReader();

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
});

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim();
  } catch {
    return 'unknown';
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (values.seed !== undefined) {
  const seed = Number(values.seed);
  const { problems, events, leases, scored } = await simulate(seed, { trace: print });
  print(
    `seed ${seed} at commit ${commit()}: ${events} events, ${leases} leases, ${scored} scored, ${problems.length} problems`,
  );
  if (problems.length > 0) process.exitCode = 1;
} else {
  const summary = await simulateMany(Number(values.first), Number(values.seeds), ({ seed, problems }) => {
    if (problems.length > 0) print(`seed ${seed}: ${problems[0]}\n  replay it with: doubleblind replay --seed ${seed}`);
    else if (seed % 500 === 0) process.stderr.write(`seed ${seed}\n`);
  });
  print(`${summary.text} (commit ${commit()})`);
  if (summary.failures.length > 0) process.exitCode = 1;
}
