// The exit codes that scripts may rely on, and the one error class that carries them.

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  noValidCandidate: 4,
  stoppedByBudget: 5,
  precondition: 6,
  unavailable: 69,
  denied: 77,
  detached: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure that the user is told of in a sentence and, where there is one, the next step. Never a stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  /** Lines that say what to do; may be empty. */
  readonly nextSteps: readonly string[];

  constructor(exitCode: number, message: string, nextSteps: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.nextSteps = nextSteps;
  }
}

/** A failure that another error led to; the cause is shown with DEBUG=1. */
export function causedBy(
  cause: unknown,
  exitCode: number,
  message: string,
  nextSteps: readonly string[] = [],
): CliError {
  return new CliError(exitCode, message, nextSteps, { cause });
}
