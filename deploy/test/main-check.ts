// `npm run check [-- --no-tests]`: everything that needs no Docker engine and no cluster. Two steps at a time, for two cores, the
// longest first. Prints one line a step as it ends, the output of a step only where it failed, and exits 1 if any did.
// --no-tests is for whoever has just run `npm test`, which has the fast ones too.

import { execFile } from 'node:child_process';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const steps: Step[] = [
  { name: 'architecture and fast tests', command: ['vitest', 'run', '--project', 'fast'] },
  { name: 'types', command: ['tsc', '--noEmit', '-p', '.'] },
  { name: 'format and lint', command: ['biome', 'ci', '--error-on-warnings', '.'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'generated protocol files', command: ['node', 'proto/generate.ts', '--check'] },
  { name: 'generated references', command: ['node', 'deploy/reference/main-reference.ts', '--check'] },
  { name: 'protocol lint', command: ['buf', 'lint', 'proto'] },
  { name: 'protocol compatibility', command: ['buf', 'breaking', 'proto', '--against', 'proto/baseline/0.1.0.binpb'] },
];
const atOnce = 2;

/** True where the step passed. */
function run({ name, command }: Step): Promise<boolean> {
  const startedAt = performance.now();
  const [program = '', ...rest] = command;
  return new Promise((resolve) => {
    execFile(program, rest, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`${error ? '✗' : '✓'} ${name} (${seconds} s)\n`);
      if (error) process.stdout.write(`${stdout}${stderr}${error.code === 'ENOENT' ? `${error.message}\n` : ''}`);
      resolve(error === null);
    });
  });
}

async function runWaiting(waiting: Step[]): Promise<number> {
  let failures = 0;
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    if (!(await run(step))) failures += 1;
  }
  return failures;
}

const isTest = ({ command }: Step): boolean => command[0] === 'vitest';
const waiting = process.argv.includes('--no-tests') ? steps.filter((step) => !isTest(step)) : [...steps];
const failures = (await Promise.all(Array.from({ length: atOnce }, () => runWaiting(waiting)))).reduce(
  (sum, count) => sum + count,
  0,
);
process.stdout.write(failures === 0 ? 'check: all steps passed\n' : `check: ${failures} steps failed\n`);
process.exitCode = failures === 0 ? 0 : 1;
