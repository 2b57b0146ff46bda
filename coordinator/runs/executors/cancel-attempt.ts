// What a host is to stop, and the account that goes with it.

import { delay } from '../../../shared/clock.ts';
import { isEmptied } from '../../core/host-steps.ts';
import { isLeased } from '../../core/state.ts';
import { type CommandOf, type ExecutorOptions, persist } from './persist.ts';

/** An agent needs a few seconds to end a container; after this many terms of the lease it is written off. */
const cancelTerms = 6;

export async function cancelAttempt(
  options: ExecutorOptions,
  command: CommandOf<'cancelAttempt'>,
  signal: AbortSignal,
): Promise<void> {
  const { actor, fleet, clock, leaseTtlMs } = options;
  const { runId, attemptId, epoch, host, reason } = command;
  const giveUpMs = clock.monotonicMs() + cancelTerms * leaseTtlMs;
  for (;;) {
    const asked = await persist(options, command, signal, async () => {
      if (clock.monotonicMs() > giveUpMs) return { known: false };
      return await fleet.cancelAttempt(command, reason, signal);
    });
    if (asked.kind === 'unwanted') return;
    const known = asked.kind === 'done' && asked.value.known;
    if (!known) {
      const drained = isEmptied(actor.state, host) ? { drained: true as const } : {};
      await actor.report({ kind: 'attemptLost', runId, attemptId, epoch, host, message: reason, ...drained });
      return;
    }
    // A killed run waits for no end.
    const attempt = actor.state.attempts.get(attemptId);
    if (attempt === undefined || !isLeased(attempt)) return;
    // Its end comes as an event; asking again is a reminder and costs nothing.
    if (!(await delay(clock, leaseTtlMs, signal))) return;
  }
}

export async function closeAccount(
  options: ExecutorOptions,
  command: CommandOf<'closeAccount'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await options.gateway.closeAttempt(command, signal);
  } catch (error) {
    // The token ends with its epoch anyway; closing only frees the account earlier.
    options.log.debug({ error, attemptId: command.attemptId }, 'an account at the gateway was not closed');
  }
}
