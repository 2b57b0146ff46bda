// Runs a verb in this process as main.ts would, and gives back what a user would see.

import { join } from 'node:path';
import type { CliContext, Output } from '../context.ts';
import { runCli } from '../program.ts';
import { noStyle } from '../terminal/style.ts';

export interface Seen {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface VerbOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly root?: string;
  readonly cwd?: string;
}

function collector(): { readonly output: Output; text(): string } {
  let text = '';
  return {
    text: () => text,
    output: {
      write: (more) => {
        text += more;
      },
      isTerminal: false,
      columns: 140,
      rows: 40,
      style: noStyle,
    },
  };
}

export async function runVerb(words: readonly string[], options: VerbOptions = {}): Promise<Seen> {
  const [stdout, stderr] = [collector(), collector()];
  const cli: CliContext = {
    env: { PATH: process.env['PATH'], ...options.env },
    cwd: options.cwd ?? process.cwd(),
    root: options.root ?? join(import.meta.dirname, '../..'),
    stdout: stdout.output,
    stderr: stderr.output,
    signal: options.signal ?? new AbortController().signal,
    exitCode: 0,
  };
  const code = await runCli(cli, words);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}
