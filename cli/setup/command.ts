// Runs the programs of the distribution for set-up; all that they say goes into one log.

import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

export interface CommandOptions {
  /** .doubleblind/logs/setup.log; undefined for commands that only look. */
  readonly logFile: string | undefined;
  readonly onLine?: (line: string) => void;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Exit status (null where it could not be started or was stopped) and the end of the output. */
export interface CommandEnd {
  readonly status: number | null;
  readonly lastLines: readonly string[];
}

const keptLines = 40;

export function runLogged(command: readonly string[], options: CommandOptions): Promise<CommandEnd> {
  const [program = '', ...args] = command;
  const { logFile } = options;
  if (logFile !== undefined) mkdirSync(dirname(logFile), { recursive: true });
  const log = (line: string): void => {
    if (logFile !== undefined) appendFileSync(logFile, `${line}\n`);
  };
  log(`\n--- ${new Date().toISOString()}: ${command.join(' ')}`);
  const lastLines: string[] = [];
  const take = (line: string): void => {
    log(line);
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    options.onLine?.(line);
  };
  return new Promise((resolve) => {
    const env = { ...process.env, ...options.env };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env, signal: options.signal });
    createInterface({ input: child.stdout }).on('line', take);
    createInterface({ input: child.stderr }).on('line', take);
    child.once('error', (error) => {
      take(error.message);
      resolve({ status: null, lastLines });
    });
    child.once('close', (status) => resolve({ status, lastLines }));
  });
}

/** Where a program is, looking beyond PATH where Debian keeps daemons; undefined where it is not. */
export function findProgram(name: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const places = [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/usr/local/bin'];
  return places
    .filter((place) => place !== '')
    .map((place) => join(place, name))
    .find((path) => existsSync(path));
}
