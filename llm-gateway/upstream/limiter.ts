// Keeps calls of one upstream within its concurrency and its rates.
//
// Invariants: callers are served in order of arrival; one that gives up leaves the queue; the queue has a bound; a call
// counts with its estimate of tokens when it begins and with its true number once that is known.

import type { Clock } from '../../shared/clock.ts';
import { UpstreamFailure } from './upstream.ts';

export interface LimiterOptions {
  readonly name: string;
  readonly concurrency: number;
  /** 0 for no limit. */
  readonly requestsPerMinute: number;
  /** Read and written together; 0 for no limit. */
  readonly tokensPerMinute: number;
  readonly clock: Clock;
}

export interface Limiter {
  /** Runs `call` when there is room; rejects when the signal aborts before. `tokensOf` gives the true number. */
  run<Value>(
    call: () => Promise<Value>,
    options: {
      readonly signal: AbortSignal;
      readonly tokens: number;
      readonly tokensOf: (value: Value) => number;
      /** Asked when its turn has come: what is not wanted any more begins at once, as what refuses itself, and counts for no rate. */
      readonly isWanted: () => boolean;
    },
  ): Promise<Value>;
}

/** Waiting calls: a thousand attempts with a turn each; more than that is a runaway caller. */
const longestQueue = 1000;
const minuteMs = 60_000;

interface Started {
  readonly atMs: number;
  tokens: number;
}

interface Waiting {
  readonly tokens: number;
  readonly isWanted: () => boolean;
  start(started: Started): void;
}

export function createLimiter(options: LimiterOptions): Limiter {
  const { name, concurrency, clock } = options;
  const queue: Waiting[] = [];
  let window: Started[] = [];
  let running = 0;
  let timer: { cancel(): void } | undefined;

  const next = (): void => {
    timer?.cancel();
    timer = undefined;
    for (let first = queue[0]; first !== undefined && running < concurrency; first = queue[0]) {
      const nowMs = clock.monotonicMs();
      window = window.filter((started) => started.atMs > nowMs - minuteMs);
      const isWanted = first.isWanted();
      if (isWanted && !fits(window, first.tokens, options)) {
        timer = clock.after((window[0]?.atMs ?? nowMs) + minuteMs - nowMs + 1, next);
        return;
      }
      const started = { atMs: nowMs, tokens: first.tokens };
      running += 1;
      if (isWanted && (options.requestsPerMinute > 0 || options.tokensPerMinute > 0)) window.push(started);
      queue.shift();
      first.start(started);
    }
  };

  const enter = (tokens: number, isWanted: () => boolean, signal: AbortSignal): Promise<Started> =>
    new Promise((resolve, reject) => {
      if (queue.length >= longestQueue) {
        reject(new UpstreamFailure('overloaded', `${longestQueue} turns already wait for the upstream ${name}`));
        return;
      }
      const leave = (): void => {
        const at = queue.indexOf(waiting);
        if (at >= 0) queue.splice(at, 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error('the call was given up'));
      };
      const waiting: Waiting = {
        tokens,
        isWanted,
        start(started) {
          signal.removeEventListener('abort', leave);
          resolve(started);
        },
      };
      if (signal.aborted) {
        leave();
        return;
      }
      signal.addEventListener('abort', leave, { once: true });
      queue.push(waiting);
      next();
    });

  return {
    async run(call, { signal, tokens, tokensOf, isWanted }) {
      const started = await enter(tokens, isWanted, signal);
      try {
        const value = await call();
        started.tokens = tokensOf(value);
        return value;
      } finally {
        running -= 1;
        next();
      }
    },
  };
}

/** A call larger than the whole allowance of a minute may go alone: it would otherwise wait for ever. */
function fits(
  window: readonly Started[],
  tokens: number,
  { requestsPerMinute, tokensPerMinute }: Pick<LimiterOptions, 'requestsPerMinute' | 'tokensPerMinute'>,
): boolean {
  if (window.length === 0) return true;
  if (requestsPerMinute > 0 && window.length >= requestsPerMinute) return false;
  if (tokensPerMinute === 0) return true;
  return window.reduce((sum, started) => sum + started.tokens, tokens) <= tokensPerMinute;
}
