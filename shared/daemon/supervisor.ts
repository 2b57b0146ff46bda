// Supervises child processes in the manner of OTP: launched in order and without waiting for one another, because a daemon has to bear
// that its peers come later; restarted one for one with a backoff; given up together when one of them restarts too often; stopped in
// reverse.
// Owns: the processes and their log files. Leaves to `ready` of each child: what being ready means.
// Invariants:
// 1. No child outlives the supervisor: on Linux each one gets SIGTERM from the kernel when this process dies (setpriv --pdeathsig);
//    elsewhere a supervisor that is killed with SIGKILL leaves its children running.
// 2. At most one process of a child runs at a time.
// 3. `stop` ends: SIGTERM, then SIGKILL after the child's deadline.
//
//   starting ──ready──▶ running ──exit──▶ waiting (backoff) ──▶ starting
//       └──────exit──────────────────────────┘   too many restarts in the window ──▶ given up, all children stopped

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, delay, systemClock } from '../clock.ts';
import { backoffMs } from '../core/backoff.ts';
import type { Logger } from '../log.ts';

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard output and error are appended here; one of over 64 MiB is set aside as `.1` at a start, in place of an older one. */
  readonly logFile: string;
  /** True once it does its work; asked again and again until then. A throw counts as "not yet". */
  readonly ready: () => Promise<boolean>;
  /** Most milliseconds until it is ready; 30,000 unless stated. */
  readonly readyTimeoutMs?: number;
  /** Milliseconds between SIGTERM and SIGKILL; 10,000 unless stated. */
  readonly stopTimeoutMs?: number;
}

export interface SupervisorOptions {
  readonly children: readonly ChildSpec[];
  readonly log: Logger;
  readonly clock?: Clock;
  /** Most restarts of one child within the window; 5 in 60,000 ms unless stated. */
  readonly maxRestarts?: number;
  readonly windowMs?: number;
  /** Gives up starting: the children that run are stopped and `startSupervisor` rejects. */
  readonly signal?: AbortSignal;
}

export interface Supervisor {
  /** The process id of a child, where it runs. */
  pidOf(name: string): number | undefined;
  /** Stops all children, last started first. */
  stop(): Promise<void>;
  /** Resolves after `stop`; rejects with a sentence when a child was given up, after the others were stopped. */
  readonly done: Promise<void>;
}

const [readyPollMs, defaultReadyMs, defaultStopMs] = [100, 30_000, 10_000];
/** First restart after a quarter of a second; a child that ran for longer than the window starts from there again. */
const restartBackoff = { baseMs: 250, capMs: 10_000 };
const setpriv = '/usr/bin/setpriv';
/** Nobody rotates the logs of a local cluster. */
const longestLogBytes = 64 * 2 ** 20;

interface Child {
  readonly spec: ChildSpec;
  process: ChildProcess | undefined;
  /** Settles when the process has ended. */
  ended: Promise<string>;
  /** Monotonic times of its restarts within the window. */
  restarts: number[];
}

/** Starts the children and resolves when all are ready; rejects, with all of them stopped, where one does not get ready. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const clock = options.clock ?? systemClock;
  const stopping = new AbortController();
  const children: readonly Child[] = options.children.map((spec) => ({
    spec,
    process: undefined,
    ended: Promise.resolve(''),
    restarts: [],
  }));
  const { promise: done, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  done.catch(() => undefined);
  let stopped: Promise<void> | undefined;
  const stopAll = (): Promise<void> => {
    stopping.abort();
    stopped ??= stopInReverse(children, clock);
    return stopped;
  };
  const signals = options.signal === undefined ? [stopping.signal] : [stopping.signal, options.signal];
  const context: Context = { options, clock, signal: AbortSignal.any(signals) };
  try {
    await Promise.all(children.map((child) => startUntilReady(child, context)));
    if (context.signal.aborted) throw new Error('stopped before everything had started');
  } catch (error) {
    await stopAll();
    throw error;
  }
  const afterStart: Context = { ...context, signal: stopping.signal };
  for (const child of children) {
    watch(child, afterStart).catch(async (error: unknown) => {
      await stopAll();
      fail(error);
    });
  }
  return {
    pidOf: (name) => children.find((child) => child.spec.name === name)?.process?.pid,
    async stop() {
      await stopAll();
      finish();
    },
    done,
  };
}

interface Context {
  readonly options: SupervisorOptions;
  readonly clock: Clock;
  /** Aborted when everything is to stop. */
  readonly signal: AbortSignal;
}

/** Restarts a child whenever it ends; rejects when it is given up. */
async function watch(child: Child, context: Context): Promise<void> {
  while (!context.signal.aborted) {
    const how = await child.ended;
    if (context.signal.aborted) return;
    context.options.log.warn({ child: child.spec.name, how }, 'a child process ended and is started again');
    await waitForRestart(child, how, context);
    await startUntilReady(child, context);
  }
}

async function startUntilReady(child: Child, context: Context): Promise<void> {
  while (!context.signal.aborted) {
    launch(child);
    const outcome = await Promise.race([untilReady(child, context), child.ended]);
    if (outcome === true) {
      context.options.log.info({ child: child.spec.name, pid: child.process?.pid }, 'a child process is ready');
      return;
    }
    if (context.signal.aborted) return;
    if (outcome === false) await endChild(child, context.clock);
    await waitForRestart(child, outcome === false ? 'it did not get ready in time' : outcome, context);
  }
}

function launch(child: Child): void {
  const { command, args, env, cwd, logFile } = child.spec;
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  setAside(logFile);
  const log = openSync(logFile, 'a', 0o600);
  const guarded = process.platform === 'linux' && existsSync(setpriv);
  const [program, words] = guarded ? [setpriv, ['--pdeathsig', 'TERM', '--', command, ...args]] : [command, [...args]];
  try {
    const started = spawn(program, words, {
      env: { ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ['ignore', log, log],
      // A group of its own: Ctrl-C reaches the supervisor alone, which then stops the children in order.
      detached: true,
    });
    child.process = started;
    child.ended = new Promise((resolve) => {
      started.once('error', (error) => resolve(`it could not be started (${error.message})`));
      started.once('exit', (code, signal) => {
        child.process = undefined;
        resolve(signal === null ? `it exited with status ${code}` : `it was ended by ${signal}`);
      });
    });
  } finally {
    closeSync(log);
  }
}

/** A log that has grown long makes way, once: what began with the daemon before stays to be looked at. */
function setAside(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > longestLogBytes) renameSync(logFile, `${logFile}.1`);
}

async function untilReady(child: Child, { clock, signal }: Context): Promise<boolean> {
  const deadline = clock.monotonicMs() + (child.spec.readyTimeoutMs ?? defaultReadyMs);
  const mine = child.process;
  while (clock.monotonicMs() < deadline && !signal.aborted && child.process === mine) {
    if (await child.spec.ready().catch(() => false)) return true;
    await delay(clock, readyPollMs, signal);
  }
  return false;
}

async function waitForRestart(child: Child, how: string, { options, clock, signal }: Context): Promise<void> {
  const now = clock.monotonicMs();
  const windowMs = options.windowMs ?? 60_000;
  child.restarts = child.restarts.filter((at) => now - at < windowMs);
  if (child.restarts.length >= (options.maxRestarts ?? 5)) {
    throw new Error(
      `${child.spec.name} keeps failing: ${how}, ${child.restarts.length + 1} times within ${windowMs / 1000} s.` +
        `${lastWords(child.spec.logFile)} Its log: ${child.spec.logFile}`,
    );
  }
  await delay(clock, backoffMs(child.restarts.length, restartBackoff, Math.random()), signal);
  child.restarts.push(now);
}

/** The last line of a log, which is most often the reason. */
function lastWords(logFile: string): string {
  try {
    const line = endOf(logFile, 4096).trimEnd().split('\n').at(-1) ?? '';
    return line === '' ? '' : ` It last said: ${line.slice(0, 300)}.`;
  } catch {
    // No log, no last words.
    return '';
  }
}

function endOf(path: string, bytes: number): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const end = Buffer.alloc(Math.min(size, bytes));
    readSync(file, end, 0, end.length, size - end.length);
    return end.toString('utf8');
  } finally {
    closeSync(file);
  }
}

async function stopInReverse(children: readonly Child[], clock: Clock): Promise<void> {
  for (const child of [...children].reverse()) await endChild(child, clock);
}

async function endChild(child: Child, clock: Clock): Promise<void> {
  const running = child.process;
  if (running === undefined) return;
  running.kill('SIGTERM');
  const killer = clock.after(child.spec.stopTimeoutMs ?? defaultStopMs, () => running.kill('SIGKILL'));
  await child.ended;
  killer.cancel();
}
