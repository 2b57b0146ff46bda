// What an engine that was started again, or the proxy before it, makes fail: nothing that an attempt did, and no reason to lose its work.

import type { Clock } from '../../shared/clock.ts';
import { retrying } from '../retry.ts';
import { type SandboxEngine, SandboxError, SandboxInterrupted } from './sandbox.ts';

/** How long an attempt waits for its engine; one that is upgraded is back within a minute. */
export const enginePatienceMs = 10 * 60_000;
const pauses = { baseMs: 100, capMs: 5000 } as const;

export interface RecoveryOptions {
  readonly engine: Pick<SandboxEngine, 'check'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** See Performer.recovers. */
export async function engineRecovers(error: unknown, options: RecoveryOptions): Promise<boolean> {
  const { engine, clock, signal } = options;
  if (!(error instanceof SandboxError)) return false;
  if (!(error instanceof SandboxInterrupted) && (await answers(engine))) return false;
  await retrying(() => engine.check(), {
    ...{ clock, signal, patienceMs: enginePatienceMs, ...pauses },
    random: () => 0.5,
    // An engine that answers, but has lost its image, is not waited for.
    mayHelp: (failure) => failure instanceof SandboxInterrupted,
  });
  return true;
}

async function answers(engine: Pick<SandboxEngine, 'check'>): Promise<boolean> {
  return await engine.check().then(
    () => true,
    () => false,
  );
}
