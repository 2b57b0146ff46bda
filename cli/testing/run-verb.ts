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
  /** Called with all of standard output whenever more was written. */
  readonly onOutput?: (text: string) => void;
  /** Pretends that standard output is a terminal. */
  readonly isTerminal?: boolean;
}

function collector(options: VerbOptions): { readonly output: Output; text(): string } {
  let text = '';
  return {
    text: () => text,
    output: {
      write: (more) => {
        text += more;
        options.onOutput?.(text);
      },
      isTerminal: options.isTerminal ?? false,
      canRedraw: options.isTerminal ?? false,
      columns: 140,
      rows: 40,
      style: noStyle,
    },
  };
}

export async function runVerb(words: readonly string[], options: VerbOptions = {}): Promise<Seen> {
  const [stdout, stderr] = [collector(options), collector({})];
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

/** A context that prints nowhere, for tests that only look at the program. */
export function quietContext(): CliContext {
  const write = () => undefined;
  const output: Output = { write, isTerminal: false, canRedraw: false, columns: 100, rows: 24, style: noStyle };
  const signal = new AbortController().signal;
  const root = join(import.meta.dirname, '../..');
  return { env: {}, cwd: root, root, stdout: output, stderr: output, signal, exitCode: 0 };
}
