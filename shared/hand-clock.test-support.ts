// A clock that goes on when it is told to.

import type { Clock } from './clock.ts';

/** Stands at 0; `advance` fires the timers that are due then, each once and all at the new time. */
export function handClock(): Clock & { advance(ms: number): void } {
  let nowMs = 0;
  const timers = new Set<{ readonly atMs: number; readonly fn: () => void }>();
  return {
    monotonicMs: () => nowMs,
    now: () => new Date(nowMs),
    after(ms, fn) {
      const timer = { atMs: nowMs + ms, fn };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      nowMs += ms;
      for (const timer of [...timers].filter(({ atMs }) => atMs <= nowMs)) {
        timers.delete(timer);
        timer.fn();
      }
    },
  };
}
