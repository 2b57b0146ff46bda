// The process behind `doubleblind`: its streams and signals as a context, and its exit code.

import { dirname } from 'node:path';
import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { runCli } from './program.ts';
import { streamOutput } from './terminal/stream-output.ts';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The second Ctrl-C is from somebody who will not wait.
    if (stopping.signal.aborted && signal === 'SIGINT') process.exit(exitCodes.detached);
    stopping.abort();
  });
}
endQuietlyWithoutReader();

const cli: CliContext = {
  env: process.env,
  cwd: process.cwd(),
  root: dirname(import.meta.dirname),
  stdout: streamOutput(process.stdout, process.env),
  stderr: streamOutput(process.stderr, process.env),
  signal: stopping.signal,
  exitCode: exitCodes.ok,
};
process.exitCode = await runCli(cli, process.argv.slice(2));
