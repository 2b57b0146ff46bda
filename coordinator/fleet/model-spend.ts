// What an execution spent on models, from who holds the keys: a host that lies could end a run's budget early, or hide what it spent.

import type { Logger } from '../../shared/log.ts';
import { admits } from '../core/admission.ts';
import type { AttemptEnded, Event } from '../core/event.ts';
import type { Attempt, State } from '../core/state.ts';
import type { Gateway, ModelSpend } from '../rpc/gateway.ts';

const nothing: ModelSpend = { dollars: 0, inputTokens: 0, outputTokens: 0 };

/**
 * The event with dollars and tokens as the gateway has them. The account is closed by that, so nothing is added afterwards.
 * Only where the gateway cannot be asked, or its answer does not say, the host's word stands, bounded as in messages.ts.
 * The gateway tells the sum over all executions of the attempt, so what the journal holds of it is taken off: what a lost
 * execution spent comes in with the next end, and asking again after a crash gives the same. What an attempt spent whose
 * last execution is lost is in the gateway's book alone, which refuses turns beyond the run's budget.
 *
 * An event that the state does not admit is asked nothing for: no host closes the account of another's attempt.
 */
export async function withModelSpend(
  event: Event,
  {
    state,
    gateway,
    log,
  }: { readonly state: Readonly<State>; readonly gateway: Pick<Gateway, 'closeAttempt'>; readonly log: Logger },
): Promise<Event> {
  if (event.kind !== 'attemptEnded' || !admits(state, event)) return event;
  const attempt = state.attempts.get(event.attemptId);
  if (attempt === undefined) return event;
  // A refit asks no model and has no account.
  if (attempt.operator === 'refit') return spending(event, nothing);
  const total = await ask(event, gateway, log);
  return total === undefined ? event : spending(event, since(attempt, total));
}

async function ask(
  { runId, attemptId, epoch }: AttemptEnded,
  gateway: Pick<Gateway, 'closeAttempt'>,
  log: Logger,
): Promise<ModelSpend | undefined> {
  try {
    return await gateway.closeAttempt({ runId, attemptId, epoch });
  } catch (error) {
    log.warn({ error, attemptId }, 'the gateway does not tell what an attempt spent; its host is believed');
    return undefined;
  }
}

function spending(event: AttemptEnded, { dollars, inputTokens, outputTokens }: ModelSpend): AttemptEnded {
  return { ...event, usage: { ...event.usage, dollars, inputTokens, outputTokens }, accountClosed: true };
}

/** What is not in the journal yet; never below nothing, where a host was believed too much before. */
function since({ usage }: Attempt, total: ModelSpend): ModelSpend {
  return {
    dollars: Math.max(0, total.dollars - usage.dollars),
    inputTokens: Math.max(0, total.inputTokens - usage.inputTokens),
    outputTokens: Math.max(0, total.outputTokens - usage.outputTokens),
  };
}
