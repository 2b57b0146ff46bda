// Command processes of other rooms, run in the user's terminal: their output is ours, their exit code too.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compileCacheDirectory } from './compile-cache.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit-codes.ts';

/** Runs a script of the checkout under the same Node; resolves with its exit code. */
export function runScript(cli: CliContext, script: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = start(cli, script, args, 'inherit');
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? exitCodes.detached : 1)));
  });
}

/** The same without a word; what it said comes back. */
export function runQuietly(
  cli: CliContext,
  script: string,
  args: readonly string[],
): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = start(cli, script, args, 'pipe');
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

function start(cli: CliContext, script: string, args: readonly string[], output: 'inherit' | 'pipe'): ChildProcess {
  const path = join(cli.root, script);
  if (!existsSync(path)) {
    throw new CliError(exitCodes.precondition, `${script} is missing from this checkout.`, ['Get a complete copy.']);
  }
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCacheDirectory };
  return spawn(process.execPath, [path, ...args], { cwd: cli.cwd, env, stdio: ['inherit', output, output] });
}
