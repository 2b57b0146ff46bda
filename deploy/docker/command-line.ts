// Runs a program and tells what came of it. Output is kept to its last lines; each line is offered as it comes.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** `missing` where there is no such program. */
export interface ProgramEnd {
  readonly status: number | null;
  readonly missing: boolean;
  readonly lastLines: readonly string[];
}

const keptLines = 400;

export async function runProgram(
  program: string,
  parameters: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramEnd> {
  options.signal?.throwIfAborted();
  const child = spawn(program, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lastLines: string[] = [];
  const take = (line: string): void => {
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    options.onLine?.(line);
  };
  createInterface({ input: child.stdout }).on('line', take);
  createInterface({ input: child.stderr }).on('line', take);
  // Asks the program to stop, so that it can clean up behind itself.
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    const end = await new Promise<ProgramEnd>((resolve) => {
      child.once('error', () => resolve({ status: null, missing: true, lastLines }));
      child.once('close', (status) => resolve({ status, missing: false, lastLines }));
    });
    options.signal?.throwIfAborted();
    return end;
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
}

/** Lets steps through, and of the rest one line in three seconds, so that a pipe is not flooded. */
export function progressFilter(log: (line: string) => void): (line: string) => void {
  let last = performance.now();
  return (line) => {
    const step = /^(?:Step \d+\/\d+|I: |#\d+ \[)/.test(line);
    if (line.trim() === '' || (!step && performance.now() - last < 3000)) return;
    last = performance.now();
    log(line.length > 160 ? `${line.slice(0, 157)}...` : line);
  };
}

/** The line that most probably says why. */
export function reasonOf(end: ProgramEnd): string {
  const lines = end.lastLines.filter((line) => line.trim() !== '');
  const telling = lines.findLast((line) => /no space left|^E: |error|failed|denied|unable/i.test(line));
  return (telling ?? lines.at(-1) ?? `status ${end.status}`).trim().slice(0, 300);
}
