// Waiting for a condition instead of sleeping.

export interface WaitOptions {
  /** Give up after this long; the error then names what was waited for. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/** The first truthy value of `probe`; errors of the probe count as "not yet" and end up in the message at the deadline. */
export async function waitFor<Value>(
  what: string,
  probe: () => Promise<Value | undefined | false | null> | Value | undefined | false | null,
  { timeoutMs = 90_000, everyMs = 50 }: WaitOptions = {},
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  do {
    try {
      const value = await probe();
      if (value !== undefined && value !== false && value !== null) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  } while (performance.now() < deadline);
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: lastError });
}
