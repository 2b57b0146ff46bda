// Ends a call that says nothing for too long.

import type { Clock } from '../../shared/clock.ts';

export interface StallWatch {
  /** Aborts where `expect` was not renewed in time. */
  readonly signal: AbortSignal;
  /** What was waited for in vain; empty while all is well. */
  readonly stalled: string;
  /** From now on, `what` must come within so many milliseconds. */
  expect(what: string, ms: number): void;
  stop(): void;
}

/** A watch that ends the call `longestMs` after now in any case. */
export function startStallWatch(clock: Clock, longestMs: number): StallWatch {
  const controller = new AbortController();
  let stalled = '';
  let timer: { cancel(): void } | undefined;
  const give = (what: string): void => {
    if (stalled !== '') return;
    stalled = what;
    controller.abort(new Error(what));
  };
  const whole = clock.after(longestMs, () => give(`no end after ${longestMs} ms`));
  return {
    signal: controller.signal,
    get stalled() {
      return stalled;
    },
    expect(what, ms) {
      timer?.cancel();
      timer = clock.after(ms, () => give(`no ${what} within ${ms} ms`));
    },
    stop() {
      timer?.cancel();
      whole.cancel();
    },
  };
}
