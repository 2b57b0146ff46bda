// The process behind `doubleblind`: its streams and signals as a context, and its exit code.

import { dirname } from 'node:path';
import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import type { CliContext, Output } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { runCli } from './program.ts';
import { styleFor } from './terminal/style.ts';

function output(stream: NodeJS.WriteStream): Output {
  const isTerminal = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal,
    get columns() {
      return stream.columns ?? 100;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    style: styleFor(isTerminal, process.env),
  };
}

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
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  signal: stopping.signal,
  exitCode: exitCodes.ok,
};
process.exitCode = await runCli(cli, process.argv.slice(2));
