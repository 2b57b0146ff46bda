// When an answer leaves: on multiples of a tick after its call began, so that its timing tells less of how it was made.
//
// Timers count whole milliseconds from when they are set, so one that is set after 2.3 ms of work fires at another fraction of
// a millisecond than one set after 2.7: over some hundred answers that told a slow scorer apart (t = 8.8 at a tick of 8 ms,
// test/attacks/evaluator/timing.test.ts). So the last millisecond or two are waited for turn by turn.

import { setImmediate } from 'node:timers/promises';
import { type Clock, delay } from '../../shared/clock.ts';

/** Where a timer may still fire late, or early. */
const lastMs = 2;
/** More turns than the last milliseconds can have; a clock that stands still ends there. */
const mostTurns = 100_000;

/** Waits for the next multiple; 0 does not wait. */
export async function untilTick(clock: Clock, tickMs: number, startedMs: number): Promise<void> {
  if (tickMs === 0) return;
  const spentMs = clock.monotonicMs() - startedMs;
  const dueMs = startedMs + (Math.floor(spentMs / tickMs) + 1) * tickMs;
  const restMs = dueMs - clock.monotonicMs() - lastMs;
  if (restMs > 0) await delay(clock, restMs);
  for (let turn = 0; turn < mostTurns && clock.monotonicMs() < dueMs; turn += 1) await setImmediate();
}
