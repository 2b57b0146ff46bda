// The failures of a container engine.

/** The engine failed; no fault of the code that was to run. `message` names the next step. */
export class SandboxError extends Error {
  override readonly name: string = 'SandboxError';
}

/**
 * A sandbox, or the way to it, was taken away from outside while something ran in it: an engine or a proxy that was started again.
 * What was asked of it may be asked once more.
 */
export class SandboxInterrupted extends SandboxError {
  override readonly name = 'SandboxInterrupted';
}
