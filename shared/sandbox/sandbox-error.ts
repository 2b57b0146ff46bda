// The one failure of a container engine.

/** The engine failed; no fault of the code that was to run. `message` names the next step. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
}
