// The whole life of a daemon's process: read the configuration, start, say so to systemd, wait, stop.
// Exit codes: 0 a clean stop or --help, 1 a bug, a failed start or a late stop, 2 a wrong configuration (every problem is listed)
// or a state directory that another process works on.
// A second signal during the stop ends the process at once.

import { spawn } from 'node:child_process';
import { type Clock, systemClock } from '../clock.ts';
import { createLogger, type Logger, type LogLevel, messageChain } from '../log.ts';
import { startTracing } from '../tracing/tracer.ts';
import { ConfigError, overriddenIn, UsageAsked } from './config.ts';
import { lockState, StateDirectoryTaken } from './state-lock.ts';

/** Something that runs until it is stopped. */
export interface Running {
  /** `isAsked` where somebody wants it to stop; otherwise it has ended or failed. */
  stop(isAsked?: boolean): Promise<void>;
  /** Settles when it ends by itself; a rejection is a bug or a lost resource. */
  readonly done?: Promise<void>;
}

/** The keys of a daemon's configuration that the process itself heeds. */
interface ProcessConfig {
  readonly logLevel?: LogLevel;
  /** Where spans go; empty or absent for nowhere. */
  readonly tracesEndpoint?: string;
  /** What one process at a time may work on; absent of a daemon that keeps nothing. */
  readonly stateDirectory?: string;
}

export interface DaemonOptions<Config extends ProcessConfig> {
  readonly name: string;
  readonly readConfig: () => Config;
  /** Resolves when ready; undoes what it opened where it fails half-way. */
  readonly start: (config: Config, deps: { readonly log: Logger; readonly clock: Clock }) => Promise<Running>;
  /** After so long a stop has failed; where it waits for something, that is told by the configuration. */
  readonly stopTimeoutMs: number | ((config: Config) => number);
}

type Ending =
  | { readonly why: 'signal'; readonly signal: string }
  | { readonly why: 'ended' }
  | { readonly why: 'failed'; readonly error: unknown };

/** Runs a daemon and exits the process. */
export async function runDaemon<Config extends ProcessConfig>(options: DaemonOptions<Config>): Promise<never> {
  const config = readOrExit(options);
  await lockOrExit(options.name, config.stateDirectory);
  const journald = process.env['JOURNAL_STREAM'] !== undefined;
  const log = createLogger({ name: options.name, level: config.logLevel ?? 'info', journald });
  const endpoint = config.tracesEndpoint ?? '';
  const tracing = endpoint === '' ? undefined : startTracing({ service: options.name, endpoint, log });
  // Never its value: a log is read by more people than a file.
  for (const { key, origin } of overriddenIn(config)) {
    log.info({ key, origin }, 'a setting is not used: the environment or a flag says otherwise');
  }
  const { promise: ending, resolve: end } = Promise.withResolvers<Ending>();
  listenForEnd(end);

  const running = await options.start(config, { log, clock: systemClock }).catch((error: unknown) => {
    log.error({ error }, `${options.name} could not start`);
    return exit(1, `${options.name} could not start: ${messageChain(error)}`);
  });
  running.done?.then(
    () => end({ why: 'ended' }),
    (error: unknown) => end({ why: 'failed', error }),
  );
  const watchdog = startWatchdog();
  notify('--ready');
  log.info({ pid: process.pid }, `${options.name} is ready`);

  const reason = await ending;
  clearInterval(watchdog);
  notify('STOPPING=1');
  if (reason.why === 'failed') log.error({ error: reason.error }, `${options.name} failed and stops`);
  else log.info(reason, `${options.name} stops`);
  const { name, stopTimeoutMs: limit } = options;
  const stopTimeoutMs = typeof limit === 'number' ? limit : limit(config);
  const clean = await stopInTime(running, { name, stopTimeoutMs, isAsked: reason.why === 'signal' }, log);
  await tracing?.stop();
  return exit(clean && reason.why !== 'failed' ? 0 : 1);
}

function readOrExit<Config extends ProcessConfig>(options: DaemonOptions<Config>): Config {
  try {
    return options.readConfig();
  } catch (error) {
    if (error instanceof UsageAsked) {
      process.stdout.write(`${error.message}\n`);
      return exit(0);
    }
    const problems = error instanceof ConfigError ? error.problems : [messageChain(error)];
    return exit(2, `${options.name}: the configuration is wrong:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** Before the first look at the state, and until the process ends. */
async function lockOrExit(name: string, stateDirectory: string | undefined): Promise<void> {
  if (stateDirectory === undefined) return;
  try {
    await lockState(stateDirectory, name);
  } catch (error) {
    exit(error instanceof StateDirectoryTaken ? 2 : 1, `${name} could not start: ${messageChain(error)}`);
  }
}

function listenForEnd(end: (ending: Ending) => void): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) exit(1, `a second ${signal}: ending at once`);
      asked = true;
      end({ why: 'signal', signal });
    });
  }
  process.on('uncaughtException', (error) => end({ why: 'failed', error }));
  process.on('unhandledRejection', (error) => end({ why: 'failed', error }));
}

async function stopInTime(
  running: Running,
  { name, stopTimeoutMs, isAsked }: { name: string; stopTimeoutMs: number; isAsked: boolean },
  log: Logger,
) {
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => resolve('late'), stopTimeoutMs);
  try {
    if ((await Promise.race([running.stop(isAsked), late])) !== 'late') return true;
    log.error({ stopTimeoutMs }, `${name} did not stop in time`);
  } catch (error) {
    log.error({ error }, `${name} failed while stopping`);
  } finally {
    clearTimeout(timer);
  }
  return false;
}

/** Tells systemd that the event loop turns, twice per watchdog period. */
function startWatchdog(): NodeJS.Timeout | undefined {
  const periodMs = Number(process.env['WATCHDOG_USEC'] ?? 0) / 1000;
  if (process.env['NOTIFY_SOCKET'] === undefined || !(periodMs > 0)) return undefined;
  const timer = setInterval(() => notify('WATCHDOG=1'), periodMs / 2);
  timer.unref();
  return timer;
}

/**
 * systemd-notify rather than a native socket binding: it takes 10 ms and needs no build (units set NotifyAccess=all).
 * Never with --no-block: systemd looks up the sender's unit by its process id, and drops the word of one that has already ended.
 */
function notify(message: string): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const child = spawn('/usr/bin/systemd-notify', [`--pid=${process.pid}`, message], { stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
}

function exit(code: number, message?: string): never {
  if (message !== undefined) process.stderr.write(`${message}\n`);
  process.exit(code);
}
