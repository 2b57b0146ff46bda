// A daemon as a process on a machine of the test's network: started, killed, stopped for a while, started again.

import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Machine, spawnOn } from '../support/network.ts';

export interface DaemonProcess {
  readonly name: string;
  readonly machine: Machine;
  start(): void;
  /** From its next start on it is the program of this checkout, where it began with that of the version before. */
  upgrade(): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** SIGSTOP: the process stands still and notices nothing of it. */
  freeze(): void;
  thaw(): void;
  runs(): boolean;
  /** Sets its wall clock wrong by so much, now and for later starts; where it is a program of ours. */
  setClock(offsetMs: number): void;
  log(): string;
}

export interface DaemonSpec {
  readonly name: string;
  readonly machine: Machine;
  readonly command: readonly string[];
  /** What it begins with, where that is another program. */
  readonly commandBefore?: readonly string[] | undefined;
  readonly logFile: string;
}

export function daemonProcess({ name, machine, command, commandBefore, logFile }: DaemonSpec): DaemonProcess {
  let program = commandBefore ?? command;
  let child: ChildProcess | undefined;
  const clockFile = `${logFile}.clock`;
  // Another program than Node takes no notice of this.
  const env = {
    ...process.env,
    DOUBLEBLIND_TEST_CLOCK: clockFile,
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'stepped-clock.ts')}`,
  };
  const runs = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null;
  let ended: Promise<number | null> = Promise.resolve(null);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    // A frozen process would never see another signal than SIGKILL.
    child?.kill('SIGCONT');
    child?.kill(signal);
    return await ended;
  };
  return {
    name,
    machine,
    start() {
      if (runs()) return;
      const log = openSync(logFile, 'a', 0o600);
      const started = spawnOn(machine, program, { stdio: ['ignore', log, log], env });
      closeSync(log);
      ended = new Promise((resolve) => {
        started.once('exit', (code) => resolve(code));
        started.once('error', () => resolve(null));
      });
      child = started;
    },
    upgrade() {
      program = command;
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    runs,
    // By rename, so that nobody reads half a number.
    setClock(offsetMs) {
      writeFileSync(`${clockFile}.new`, String(offsetMs));
      renameSync(`${clockFile}.new`, clockFile);
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}
