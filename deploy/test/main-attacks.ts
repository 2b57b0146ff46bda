// `npm run test:attacks -- [PART] [--thorough] [--write] [--runtime=NAME]`: does the set-up, runs the attacks of test/attacks (or
// one part of them, which is a folder there) and prints a table of what was tried, what was expected and what happened.
// --thorough makes as many repetitions as each figure needs; --runtime makes sandboxes of another runtime of the engine (runsc is
// gVisor's); --write puts the table into docs/security-report.md too. Exits 1 unless every attack failed as it should; an attack
// that was not run counts as one that succeeded, unless it needs what only some machines have.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { type AttackResults, attackRows, attackTable, mergeReport, notRun } from './attack-report.ts';

const words = process.argv.slice(2);
const runtimeName = words.find((word) => word.startsWith('--runtime='))?.slice('--runtime='.length);
const runtime = runtimeName === undefined ? {} : { DOUBLEBLIND_TEST_RUNTIME: runtimeName };
const level = words.includes('--thorough') ? { DOUBLEBLIND_ATTACKS: 'thorough' } : {};
const part = words.find((word) => !word.startsWith('-')) ?? '';
// A section of the report has one machine and one level above it, so it is of one run.
if (words.includes('--write') && part.includes('/')) {
  process.stderr.write(
    `test:attacks: --write is for whole parts; \`npm run test:attacks -- ${part.split('/')[0]} --write\`\n`,
  );
  process.exit(2);
}
const setup = spawnSync('sh', ['deploy/bin/doubleblind', 'setup'], { stdio: 'inherit' });
if (setup.status === 0) attack();
else {
  process.stderr.write('test:attacks: the set-up did not succeed, see above; nothing was tried\n');
  process.exitCode = setup.status ?? 1;
}

function attack(): void {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-attacks-'));
  const output = join(directory, 'report.json');
  const startedAt = performance.now();
  const unsteady = process.env['CI'] === 'true' ? ['--retry=1', '--reporter=./deploy/test/unsteady-reporter.ts'] : [];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  const run = spawnSync(
    'vitest',
    ['run', '--project', 'attacks', ...reporters, ...unsteady, join('test/attacks', part)],
    { stdio: 'inherit', env: { ...process.env, ...level, ...runtime } },
  );
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.exitCode = run.status ?? 1;
  report(readResults(output), seconds);
  rmSync(directory, { recursive: true });
}

function readResults(path: string): AttackResults {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as AttackResults;
  } catch {
    process.stderr.write('test:attacks: vitest wrote no results, see above\n');
    process.exitCode = 1;
    return { testResults: [] };
  }
}

function report(results: AttackResults, seconds: number): void {
  const rows = attackRows(results, resolve('test/attacks'));
  const lines = [...rows.values()].flat();
  process.stdout.write(`\n${attackTable(lines)}\n\n${lines.length} rows of ${rows.size} parts in ${seconds} s\n`);
  const unexpected = notRun(results);
  for (const title of unexpected) process.stderr.write(`not run, and should have been: ${title}\n`);
  if (lines.length === 0 || unexpected.length > 0) process.exitCode = 1;
  if (!words.includes('--write')) return;
  const path = 'docs/security-report.md';
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const machine = `${cpus().length} processors (${cpus()[0]?.model ?? 'unknown'}), ${gibibytes} GiB, Node ${process.version}`;
  const repetitions = words.includes('--thorough') ? 'all repetitions' : 'the quick level';
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  writeFileSync(path, mergeReport(before, rows, `${machine}; ${repetitions}.`));
  process.stdout.write(`written to ${path}\n`);
}
