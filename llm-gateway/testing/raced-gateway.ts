// A gateway over made-up upstreams, and a race of many attempts of one run for its budget.

import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import type { BudgetLimits, CompletionOrder } from '../answer.ts';
import { type Book, openBook } from '../book.ts';
import { createGateway, type Gateway } from '../gateway.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { type ScriptedUpstream, scriptedUpstream, turn } from './scripted-upstream.ts';

const none = { dollars: 0, outputTokens: 0 };
export const signal = new AbortController().signal;
export const account = {
  runId: 'run',
  attemptId: 'attempt',
  epoch: 1,
  host: 'host-1',
  runDollars: 0,
  runOutputTokens: 0,
  ...none,
};
const tools = [{ name: 'bash', description: 'runs', parametersJson: '{}' }];

export function gatewayOn(
  upstreams: readonly Upstream[],
  fields: { book?: Book; budgets?: Partial<BudgetLimits>; tries?: number; failures?: number } = {},
): Gateway {
  return createGateway({
    book: fields.book ?? openBook(':memory:'),
    upstreams,
    retry: { tries: fields.tries ?? 3, baseMs: 1, capMs: 2, longestRetryAfterMs: 1000 },
    breaker: { failures: fields.failures ?? 100, coolDownMs: 60_000 },
    budgets: { perRun: none, perHost: none, perAttempt: none, ...fields.budgets },
    tokenSecret: Buffer.alloc(32, 7),
    clock: systemClock,
    log: silentLogger,
    random: () => 0.5,
  });
}

export function order(token: string, requestId: string): CompletionOrder {
  const messages = [{ role: 'user' as const, content: 'hello', toolCalls: [], toolCallId: '' }];
  return { token, requestId, model: '', messages, tools, seed: 1, maxOutputTokens: 0 };
}

/** Turns of many attempts of one run at once, until each has ended in one way or the other. */
export async function race(gateway: Gateway, count: number, run: { dollars: number; outputTokens: number }) {
  const tokens = Array.from({ length: count }, (_, index) =>
    gateway.openAttempt({
      ...account,
      attemptId: `attempt-${index}`,
      host: `host-${index % 4}`,
      runDollars: run.dollars,
      runOutputTokens: run.outputTokens,
    }),
  );
  return await Promise.allSettled(
    tokens.map((token, index) => gateway.complete(order(token, 'r'), `host-${index % 4}`, signal)),
  );
}

/** An upstream that writes all that it may. */
export function greedy(dollarsPerMillion: number): ScriptedUpstream {
  const upstream = scriptedUpstream('greedy', [], { dollarsPerMillion });
  return {
    ...upstream,
    async complete(request) {
      await Promise.resolve();
      return { ...turn('x', request.maxOutputTokens), inputTokens: 4 };
    },
  };
}
