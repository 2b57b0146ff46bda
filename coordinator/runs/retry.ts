// Trying until it works, is refused for good, or is no longer wanted.

import type { Clock } from '../../shared/clock.ts';
import { delay } from '../../shared/clock.ts';
import { backoffMs } from '../../shared/core/backoff.ts';
import { type FaultCode, RpcFault } from '../../shared/rpc/fault.ts';

/** The peer is away or busy: it will come back, and the call may be repeated. */
const passing: ReadonlySet<FaultCode> = new Set(['unavailable', 'deadlineExceeded', 'cancelled', 'resourceExhausted']);
/** The peer failed in a way that it did not foresee; a few more tries may meet it in a better moment. */
const unforeseen: ReadonlySet<FaultCode> = new Set(['internal', 'unknown', 'aborted', 'dataLoss']);
const mostUnforeseen = 5;

/** Where the peer comes back within seconds, work should go on within seconds. */
const waits = { baseMs: 200, capMs: 10_000 };

export interface RetryOptions<Value> {
  readonly work: () => Promise<Value>;
  /** Asked before every try. */
  readonly isWanted: () => boolean;
  readonly clock: Clock;
  /** In [0, 1); spreads the waits. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onRetry: (error: unknown, retry: number) => void;
  /** What a failure means; by the code of the fault unless stated. */
  readonly judge?: (error: unknown) => Judgement;
}

/** It passes by itself; it may pass, after a few tries; or trying again is of no use. */
export type Judgement = 'passing' | 'unforeseen' | 'final';

/** What a failure means by its code. */
export function judgeByCode(error: unknown): Judgement {
  const code = error instanceof RpcFault ? error.code : 'internal';
  if (passing.has(code) || isDiskFull(error)) return 'passing';
  return unforeseen.has(code) ? 'unforeseen' : 'final';
}

/** Somebody has to make room first: what is asked for is as good afterwards as it was before. */
function isDiskFull(error: unknown): boolean {
  return error instanceof RpcFault && error.reason === 'diskFull';
}

export type Retried<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  /** Nobody waits for it any more. */
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'refused'; readonly error: Error };

/** Runs `work` until it succeeds, with a growing, bounded wait between tries. */
export async function retry<Value>(options: RetryOptions<Value>): Promise<Retried<Value>> {
  const { work, isWanted, clock, random, signal, onRetry, judge = judgeByCode } = options;
  let surprises = 0;
  for (let count = 0; ; count += 1) {
    if (signal.aborted || !isWanted()) return { kind: 'unwanted' };
    try {
      return { kind: 'done', value: await work() };
    } catch (error) {
      if (signal.aborted) return { kind: 'unwanted' };
      const judgement = judge(error);
      if (judgement === 'unforeseen') surprises += 1;
      if (judgement === 'final' || surprises >= mostUnforeseen) {
        return { kind: 'refused', error: error instanceof Error ? error : new Error(String(error)) };
      }
      onRetry(error, count);
      await delay(clock, backoffMs(count, waits, random()), signal);
    }
  }
}
