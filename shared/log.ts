// The only door to pino: JSON lines on standard output, one event a line.
// `info` is a state change that an operator would tell, `warn` needs a look, `error` means that a person must act.

import { pino } from 'pino';
import { messageChain } from './core/message-chain.ts';

export { messageChain };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Writes events with fields. An `error` field (any thrown value) is written with its cause chain. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  /** A logger that adds these fields to every line. */
  child(fields: Record<string, unknown>): Logger;
}

export interface LoggerOptions {
  /** The daemon, as `name` in every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** Where lines go; standard output unless a test says otherwise. */
  readonly destination?: { write(line: string): void };
  /** True where journald reads the stream: each line then starts with its priority, such as `<4>`. */
  readonly journald?: boolean;
}

/** Syslog priorities by pino's numeric level. */
const priorities = new Map([
  [20, 7],
  [30, 6],
  [40, 4],
  [50, 3],
]);

/** A logger that writes JSON lines. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true });
  const stream = options.journald === true ? withPriority(destination) : destination;
  return pino(
    {
      name: options.name,
      level: options.level,
      base: { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
      messageKey: 'message',
    },
    stream,
  );
}

/** Drops everything. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  return { type: error.name, message: messageChain(error), stack: error.stack };
}

function withPriority(destination: { write(line: string): void }): { write(line: string): void } {
  return {
    write(line) {
      const level = /"level":"(\w+)"/.exec(line)?.[1];
      const number = level === undefined ? 30 : (pino.levels.values[level] ?? 30);
      destination.write(`<${priorities.get(number) ?? 6}>${line}`);
    },
  };
}
