// The failures of a container engine.

/** The engine failed; no fault of the code that was to run. `message` names the next step. */
export class SandboxError extends Error {
  override readonly name: string = 'SandboxError';
}

/** The engine, or the way to it or to a sandbox, is away or was lost in the middle: what was asked may be asked once more. */
export class SandboxInterrupted extends SandboxError {
  override readonly name: string = 'SandboxInterrupted';
}

/** The sandbox has ended, and what was in it is gone. */
export class SandboxEnded extends SandboxError {
  override readonly name: string = 'SandboxEnded';
  /** Whether the kernel ended it for want of memory. */
  readonly outOfMemory: boolean;

  constructor(message: string, { outOfMemory, cause }: { readonly outOfMemory: boolean; readonly cause: unknown }) {
    super(message, { cause });
    this.outOfMemory = outOfMemory;
  }
}

/** Codes of a connection that nobody takes, or that is lost. */
const lostCodes: ReadonlySet<unknown> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EAGAIN']);

/** Whether an error of a connection says that the other side is away. */
export function isAway(error: unknown): boolean {
  return error instanceof Error && 'code' in error && lostCodes.has(error.code);
}
