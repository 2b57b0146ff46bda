// `npm run test:attacks -- [PART] [--write]`: runs the attacks of test/attacks (or one part of them) and prints a table of
// what was tried, what was expected and what happened. --write also puts it into docs/security-report.md.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { type AttackResults, attackRows, attackTable, mergeReport } from './attack-report.ts';

const words = process.argv.slice(2);
const part = words.find((word) => !word.startsWith('-')) ?? '';
const directory = mkdtempSync(join(tmpdir(), 'doubleblind-attacks-'));
const output = join(directory, 'report.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
const run = spawnSync('vitest', ['run', '--project', 'system', ...reporters, join('test/attacks', part)], {
  stdio: 'inherit',
  env: { ...process.env, DOUBLEBLIND_ATTACKS: 'thorough' },
});
process.exitCode = run.status ?? 1;
let results: AttackResults = { testResults: [] };
try {
  results = JSON.parse(readFileSync(output, 'utf8')) as AttackResults;
} catch {
  process.stderr.write('test:attacks: vitest wrote no results, see above\n');
  process.exitCode = 1;
}
rmSync(directory, { recursive: true });
const rows = attackRows(results, resolve('test/attacks'));
process.stdout.write(`\n${attackTable([...rows.values()].flat())}\n`);
if (words.includes('--write')) {
  const path = 'docs/security-report.md';
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const machine = `${cpus().length} processors (${cpus()[0]?.model ?? 'unknown'}), ${gibibytes} GiB, Node ${process.version}.`;
  writeFileSync(path, mergeReport(existsSync(path) ? readFileSync(path, 'utf8') : '', rows, machine));
  process.stdout.write(`\nwritten to ${path}\n`);
}
