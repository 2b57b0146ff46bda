// Checks whose failure is a bug of ours, never a fault of the input.

/** Ends an exhaustive switch: compiles only where every case was handled. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}

/** The value, where its absence would be a bug. */
export function present<Value>(value: Value | undefined | null, what: string): Value {
  if (value === undefined || value === null) throw new Error(`invariant broken: ${what} is missing`);
  return value;
}
