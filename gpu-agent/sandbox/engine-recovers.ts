// What an engine that was started again, or the proxy before it, makes fail: nothing that an attempt did, and no reason to lose its work.

import type { Clock } from '../../shared/clock.ts';
import { retrying } from '../retry.ts';
import { type SandboxEngine, SandboxError, SandboxInterrupted } from './sandbox.ts';

/** An engine that is upgraded is back within a minute; a lease outlives this only where the host is otherwise well. */
const patienceMs = 10 * 60_000;
const pauses = { baseMs: 100, capMs: 5000 } as const;

export interface RecoveryOptions {
  readonly engine: Pick<SandboxEngine, 'check'>;
  readonly clock: Clock;
  /** The trajectory's time, which does not pass meanwhile. */
  readonly time: { exclude(seconds: number): void };
  readonly signal: AbortSignal;
}

/** See Performer.recovers. */
export async function engineRecovers(error: unknown, options: RecoveryOptions): Promise<boolean> {
  const { engine, clock, time, signal } = options;
  if (!(error instanceof SandboxError)) return false;
  if (!(error instanceof SandboxInterrupted) && (await answers(engine))) return false;
  const startedMs = clock.monotonicMs();
  await retrying(() => engine.check(), {
    ...{ clock, signal, patienceMs, ...pauses },
    random: () => 0.5,
    mayHelp: () => true,
  });
  time.exclude((clock.monotonicMs() - startedMs) / 1000);
  return true;
}

async function answers(engine: Pick<SandboxEngine, 'check'>): Promise<boolean> {
  return await engine.check().then(
    () => true,
    () => false,
  );
}
