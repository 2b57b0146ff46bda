// A lease leaves: an account at the gateway, then the order to the host.

import type { Limiter } from '../../../shared/limiter.ts';
import { RpcFault } from '../../../shared/rpc/fault.ts';
import { attemptSpan } from '../../../shared/tracing/context.ts';
import { inSpan } from '../../../shared/tracing/tracer.ts';
import { brief } from '../../core/brief.ts';
import { isHostsOwn } from '../../fleet/refusal.ts';
import { spentRunBudget } from '../../rpc/gateway.ts';
import { type Judgement, judgeByCode } from '../retry.ts';
import { type CommandOf, type ExecutorOptions, persist } from './persist.ts';

export async function startAttempt(
  options: ExecutorOptions,
  limiter: Limiter,
  command: CommandOf<'startAttempt'>,
  signal: AbortSignal,
): Promise<void> {
  const { actor, fleet, gateway, leaseTtlMs, log } = options;
  const { runId, attemptId, epoch, host, slotId } = command;
  let asked: 'gateway' | 'host' = 'gateway';
  const start = async (): Promise<void> => {
    asked = 'gateway';
    const told = brief(actor.state, attemptId);
    if (told === undefined) return;
    const { dollars: runDollars, outputTokens: runOutputTokens } = told.runBudget;
    const accountLimits = { outputTokens: told.limits.tokens, runDollars, runOutputTokens };
    // A refit asks no model, so it needs no account.
    const token = told.operator === 'refit' ? '' : await gateway.openAttempt(command, host, accountLimits, signal);
    asked = 'host';
    await fleet.startAttempt({ runId, attemptId, epoch, host, slotId, leaseTtlMs, token, brief: told }, signal);
  };
  const span = { kind: 'client', parent: attemptSpan(command), attributes: { 'doubleblind.host': host } } as const;
  const traced = (): Promise<void> => inSpan('start attempt', span, start);
  const started = await persist(
    options,
    command,
    signal,
    () => limiter.run(traced),
    (error) => judgeStart(error, asked),
  );
  if (started.kind === 'done') await actor.report({ kind: 'attemptStarted', runId, attemptId, epoch, host });
  if (started.kind !== 'refused') return;
  const budget = spentRunBudget(started.error);
  if (budget !== undefined) await actor.report({ kind: 'runBudgetSpent', runId, budget });
  log.warn({ error: started.error, attemptId, host, slotId }, 'an attempt could not be started and goes elsewhere');
  const message = `it could not be started on ${host}: ${started.error.message}`;
  const noTry = isHostsOwn(started.error) ? { drained: true as const } : {};
  await actor.report({ kind: 'attemptLost', runId, attemptId, epoch, host, message, ...noTry });
}

/** A host that drains, has no room or no disk is there, but others should have the attempt; there is no other gateway. */
function judgeStart(error: unknown, asked: 'gateway' | 'host'): Judgement {
  if (!(error instanceof RpcFault)) return judgeByCode(error);
  if (isHostsOwn(error) || error.reason === 'budgetSpent') return 'final';
  if (error.reason === 'diskFull' && asked === 'host') return 'unforeseen';
  return error.code === 'resourceExhausted' ? 'unforeseen' : judgeByCode(error);
}
