// The process behind `doubleblind`: its streams and signals as a context, and its end. It ends when the verb has, whatever is still open: a
// peer that takes a connection and says nothing leaves a socket that no client closes, and the process would wait for it for ever.

import { dirname } from 'node:path';
import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { runCli } from './program.ts';
import { restoreTerminal } from './terminal/live-view.ts';
import { streamOutput } from './terminal/stream-output.ts';

/** Resolves when all that was written has gone to the system, which for a pipe may be long after `write`. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** At once, with whatever was being drawn left as it is. */
function leave(): never {
  for (const output of [cli.stdout, cli.stderr]) if (output.canRedraw) output.write(restoreTerminal);
  process.exit(exitCodes.detached);
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The second one is from somebody who will not wait.
    if (stopping.signal.aborted) leave();
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
const code = await runCli(cli, process.argv.slice(2));
await Promise.all([process.stdout, process.stderr].map(flushed));
process.exit(code);
