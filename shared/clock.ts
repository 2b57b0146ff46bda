// Time as a port, so that tests and the simulator can own it. The pure cores never see a clock: time reaches them in events.

/** A source of time. Decisions use `monotonicMs`; `now` is only for people and records. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** The wall clock. */
  now(): Date;
  /** Calls `fn` once after `ms` milliseconds, unless cancelled. */
  after(ms: number, fn: () => void): { cancel(): void };
}

/** Node counts a timer's delay in 32 bits; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), longestTimerMs));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A timer may fire so many milliseconds before its time. */
const earlyMs = 1;

/**
 * When to beat next, where the beat of `dueMs` may have come. However late it was noticed, the phase stays: timers that count from when they fire
 * fall together whenever a process is busy, and never apart again. What was missed is not made up for.
 */
export function nextBeatMs(dueMs: number, periodMs: number, nowMs: number): number {
  const lateMs = nowMs + earlyMs - dueMs;
  return lateMs < 0 ? dueMs : dueMs + periodMs * (Math.floor(lateMs / periodMs) + 1);
}

/** Calls `fn` now, and with every beat from now on. */
export function onBeat(clock: Clock, periodMs: number, fn: () => void): { cancel(): void } {
  let dueMs = clock.monotonicMs();
  let timer: { cancel(): void } | undefined;
  let cancelled = false;
  const beat = (): void => {
    fn();
    if (cancelled) return;
    const nowMs = clock.monotonicMs();
    dueMs = nextBeatMs(dueMs, periodMs, nowMs);
    timer = clock.after(dueMs - nowMs, beat);
  };
  beat();
  return {
    cancel() {
      cancelled = true;
      timer?.cancel();
    },
  };
}

/** Resolves after `ms` milliseconds, or at once when the signal aborts; tells which with `true` for the full time. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(false);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve(true);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
