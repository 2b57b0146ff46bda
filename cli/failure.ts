// Any error → what the user reads and the exit code. The only formatter of failures.

import { CliError, exitCodes } from './exit-codes.ts';

/** What to print on standard error, and with which code to leave. */
export interface Failure {
  readonly exitCode: number;
  readonly text: string;
}

/** What is known of a gRPC failure without importing the client: it is loaded only by verbs that need it. */
interface RpcLike {
  readonly name: 'RpcFault';
  readonly code: string;
  readonly reason?: string | undefined;
  readonly message: string;
  readonly violations?: readonly { readonly field?: string; readonly description?: string }[] | undefined;
}

function isRpc(error: unknown): error is RpcLike {
  return error instanceof Error && error.name === 'RpcFault' && 'code' in error;
}

const rpcExitCodes: Readonly<Record<string, number>> = {
  invalidArgument: exitCodes.usage,
  outOfRange: exitCodes.usage,
  notFound: exitCodes.notFound,
  failedPrecondition: exitCodes.precondition,
  alreadyExists: exitCodes.precondition,
  resourceExhausted: exitCodes.precondition,
  unavailable: exitCodes.unavailable,
  deadlineExceeded: exitCodes.unavailable,
  permissionDenied: exitCodes.denied,
  unauthenticated: exitCodes.denied,
};

const rpcNextSteps: Readonly<Record<string, readonly string[]>> = {
  unavailable: [
    'Start a local cluster with `doubleblind up`, or name another coordinator with --coordinator HOST:PORT.',
    'Where it is installed, `systemctl status doubleblind-coordinator` tells of it on its machine.',
    '`doubleblind doctor` tells what answers and what does not.',
  ],
  deadlineExceeded: ['The coordinator may be overloaded; `doubleblind logs coordinator` shows what it does.'],
  permissionDenied: ['The certificate of another role was used; --pki-dir names the directory with operator.crt.'],
  unauthenticated: ['Another authority signed the certificate; --pki-dir names the directory with operator.crt.'],
};

/** Told of our own certificate before the call could reach anybody: nothing is wrong with the peer. */
const endedSteps: readonly string[] = [
  'That is for the machine with ca.key; carry what DIR gets to where the files lie now.',
  'Those of a cluster on one machine are renewed by `doubleblind pki init`.',
];

function ofRpc(error: RpcLike): Failure {
  if (error.reason === 'certificateEnded') {
    const text = [sentence(error.message), ...endedSteps.map((step) => `  ${step}`)].join('\n');
    return { exitCode: exitCodes.denied, text };
  }
  const lines = [sentence(error.message)];
  for (const violation of error.violations ?? []) {
    // Where it is the only one, the sentence before has said it.
    if (violation.description !== undefined && error.message.endsWith(violation.description)) continue;
    lines.push(`  ${violation.field ?? 'request'}: ${violation.description ?? 'not accepted'}`);
  }
  for (const step of rpcNextSteps[error.code] ?? []) lines.push(`  ${step}`);
  return { exitCode: rpcExitCodes[error.code] ?? exitCodes.failure, text: lines.join('\n') };
}

/** System errors that people meet, in words. */
const systemWords: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ENOSPC: 'the disk is full; free some space and repeat the command',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files; raise the limit with `ulimit -n`',
  EADDRINUSE: 'the port is in use; choose others with --port-base',
};

/** What the user has to put right before the same command can succeed. */
const preconditions: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'ENOSPC', 'EROFS', 'EADDRINUSE']);

interface SystemError extends Error {
  readonly code: string;
  readonly path?: unknown;
  readonly syscall?: unknown;
}

function isSystem(error: unknown): error is SystemError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function ofSystem(error: SystemError): Failure {
  const words = systemWords[error.code];
  if (words === undefined) return { exitCode: exitCodes.failure, text: sentence(error.message) };
  const subject = [error.path, error.syscall].find((part) => typeof part === 'string') ?? 'system call';
  const exitCode = preconditions.has(error.code) ? exitCodes.precondition : exitCodes.failure;
  return { exitCode, text: `${subject}: ${words}.` };
}

function sentence(message: string): string {
  const text = message.trim();
  return /[.!?:)`]$/.test(text) ? text : `${text}.`;
}

/** What to tell the user of an error, whatever it is. With `debug` the chain of causes follows. */
export function describeFailure(error: unknown, debug: boolean): Failure {
  const failure = describe(error);
  if (!debug) return failure;
  return { exitCode: failure.exitCode, text: `${failure.text}\n${causes(error)}` };
}

function describe(error: unknown): Failure {
  if (error instanceof CliError) {
    const lines = [sentence(error.message), ...error.nextSteps.map((step) => `  ${step}`)];
    return { exitCode: error.exitCode, text: lines.join('\n') };
  }
  if (isRpc(error)) return ofRpc(error);
  if (error instanceof Error && 'problems' in error && Array.isArray(error.problems)) {
    return {
      exitCode: exitCodes.usage,
      text: [error.message, ...error.problems.map((line) => `  ${line}`)].join('\n'),
    };
  }
  if (isSystem(error)) return ofSystem(error);
  const message = error instanceof Error ? error.message : String(error);
  const text = `${sentence(message)}\n  This looks like a bug of ours; DEBUG=1 shows where it happened.`;
  return { exitCode: exitCodes.failure, text };
}

function causes(error: unknown): string {
  const lines: string[] = [];
  let current: unknown = error;
  // Ten causes deep is more than any chain of ours; a cycle ends there too.
  for (let depth = 0; current !== undefined && current !== null && depth < 10; depth += 1) {
    lines.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines.join('\ncaused by: ');
}
