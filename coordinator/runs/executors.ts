// How commands are carried out; launcher.ts says when. Each ends by reporting what came of it.

import type { Clock } from '../../shared/clock.ts';
import { delay } from '../../shared/clock.ts';
import { type Limiter, newLimiter } from '../../shared/limiter.ts';
import type { Logger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { ArtifactMissing } from '../../shared/store/artifacts.ts';
import { attemptSpan } from '../../shared/tracing/context.ts';
import { inSpan } from '../../shared/tracing/tracer.ts';
import { brief } from '../core/brief.ts';
import type { Command } from '../core/command.ts';
import { isEmptied } from '../core/host-steps.ts';
import { isWanted } from '../core/outstanding.ts';
import { refitHindrance, withNote } from '../core/refit.ts';
import { isLeased } from '../core/state.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Evaluation, Evaluator } from '../rpc/evaluator.ts';
import { type Gateway, spentRunBudget } from '../rpc/gateway.ts';
import { examined } from './examine.ts';
import type { Executors } from './launcher.ts';
import { type Judgement, judgeByCode, type Retried, retry } from './retry.ts';
import type { SearchActor } from './search-actor.ts';

export interface ExecutorOptions {
  readonly actor: SearchActor;
  readonly fleet: Fleet;
  readonly evaluator: Evaluator;
  readonly gateway: Gateway;
  readonly artifacts: Pick<ArtifactDirectory, 'size' | 'stream' | 'put'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseTtlMs: number;
  /** In [0, 1); spreads retries. */
  readonly random: () => number;
}

type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/**
 * Submissions that are streamed at once; the evaluator scores on as many cores as it has. Each waits a dozen times for a disk or a peer,
 * so that 8 at once gave 90 a second on a busy machine, less than a fleet of 8,000 slots sends.
 */
const evaluationsAtOnce = 32;
/** Starts in flight at once, over all hosts: a full fleet is filled in waves instead of in one burst of 8,000 calls. */
const startsAtOnce = 128;
/** An agent needs a few seconds to end a container; after this many terms of the lease it is written off. */
const cancelTerms = 6;
/** What an agent streams at most; also the size of pieces sent to the evaluator. */
const chunkBytes = 1_048_576;

/** The executors of all commands. */
export function newExecutors(options: ExecutorOptions): Executors {
  const starts = newLimiter(startsAtOnce);
  const evaluations = newLimiter(evaluationsAtOnce);
  return {
    startAttempt: (command, signal) => startAttempt(options, starts, command, signal),
    cancelAttempt: (command, signal) => cancelAttempt(options, command, signal),
    closeAccount: (command, signal) => closeAccount(options, command, signal),
    tellGuidance: async ({ host }) => await Promise.resolve(options.fleet.tellGuidance(host)),
    evaluate: (command, signal) => evaluate(options, evaluations, command, signal),
    submitRefit: (command, signal) => submitRefit(options, command, signal),
    sealRun: (command, signal) => sealRun(options, command, signal),
  };
}

/** `retry` for a command: wanted as long as the state says so, with a warning now and then. */
function persist<Value>(
  { actor, clock, log, random }: ExecutorOptions,
  command: Command,
  signal: AbortSignal,
  work: () => Promise<Value>,
  judge: (error: unknown) => Judgement = judgeByCode,
): Promise<Retried<Value>> {
  const onRetry = (error: unknown, count: number): void => {
    // The first few are everyday life; then one line for each doubling, so that a long outage does not flood the log.
    if (count >= 3 && Number.isInteger(Math.log2(count + 1))) {
      log.warn({ error, kind: command.kind, runId: command.runId, tries: count + 1 }, 'a command is tried again');
    }
  };
  return retry({ work, isWanted: () => isWanted(actor.state, command), clock, random, signal, onRetry, judge });
}

async function startAttempt(
  options: ExecutorOptions,
  limiter: Limiter,
  command: Of<'startAttempt'>,
  signal: AbortSignal,
): Promise<void> {
  const { actor, fleet, gateway, leaseTtlMs, log } = options;
  const { runId, attemptId, epoch, host, slotId } = command;
  const start = async (): Promise<void> => {
    const told = brief(actor.state, attemptId);
    if (told === undefined) return;
    const { dollars: runDollars, outputTokens: runOutputTokens } = told.runBudget;
    const accountLimits = { outputTokens: told.limits.tokens, runDollars, runOutputTokens };
    // A refit asks no model, so it needs no account.
    const token = told.operator === 'refit' ? '' : await gateway.openAttempt(command, host, accountLimits, signal);
    await fleet.startAttempt({ runId, attemptId, epoch, host, slotId, leaseTtlMs, token, brief: told }, signal);
  };
  const span = { kind: 'client', parent: attemptSpan(command), attributes: { 'doubleblind.host': host } } as const;
  const traced = (): Promise<void> => inSpan('start attempt', span, start);
  const started = await persist(options, command, signal, () => limiter.run(traced), judgeStart);
  if (started.kind === 'done') await actor.report({ kind: 'attemptStarted', runId, attemptId, epoch, host });
  if (started.kind !== 'refused') return;
  const budget = spentRunBudget(started.error);
  if (budget !== undefined) await actor.report({ kind: 'runBudgetSpent', runId, budget });
  log.warn({ error: started.error, attemptId, host, slotId }, 'an attempt could not be started and goes elsewhere');
  const message = `it could not be started on ${host}: ${started.error.message}`;
  await actor.report({ kind: 'attemptLost', runId, attemptId, epoch, host, message });
}

/** A host that drains or has no room is there, but others should have the attempt. */
function judgeStart(error: unknown): Judgement {
  if (!(error instanceof RpcFault)) return judgeByCode(error);
  if (error.reason === 'draining' || error.reason === 'budgetSpent') return 'final';
  return error.code === 'resourceExhausted' ? 'unforeseen' : judgeByCode(error);
}

async function cancelAttempt(
  options: ExecutorOptions,
  command: Of<'cancelAttempt'>,
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

async function closeAccount(options: ExecutorOptions, command: Of<'closeAccount'>, signal: AbortSignal): Promise<void> {
  try {
    await options.gateway.closeAttempt(command, signal);
  } catch (error) {
    // The token ends with its epoch anyway; closing only frees the account earlier.
    options.log.debug({ error, attemptId: command.attemptId }, 'an account at the gateway was not closed');
  }
}

async function evaluate(
  options: ExecutorOptions,
  limiter: Limiter,
  command: Of<'evaluate'>,
  signal: AbortSignal,
): Promise<void> {
  const { actor, log } = options;
  const { runId, attemptId, epoch } = command;
  const about = { runId, attemptId, epoch };
  const ask = async (): Promise<Answer> => {
    const given = await limiter.run(() => askForScore(options, command, signal));
    const [run, attempt] = [actor.state.runs.get(runId), actor.state.attempts.get(attemptId)];
    if (given.kind !== 'score' || run === undefined || attempt === undefined) return given;
    return { ...given, score: await examined(given.score, { run, attempt, artifacts: options.artifacts, log }) };
  };
  const answer = await persist(options, command, signal, ask);
  if (answer.kind === 'unwanted') return;
  if (answer.kind === 'refused') {
    log.error({ error: answer.error, attemptId }, 'a submission could not be evaluated');
    const message = `it could not be evaluated: ${answer.error.message}`;
    await actor.report({ kind: 'candidateRefused', ...about, failureReason: 'infrastructure', message });
    return;
  }
  const evaluation = answer.value;
  if (evaluation.kind === 'score') {
    await actor.report({ kind: 'candidateScored', ...about, score: evaluation.score });
  } else {
    const { failureReason, message, isBudgetSpent = false } = evaluation;
    // First, so that no attempt is planned in between which could not be scored either.
    if (isBudgetSpent) await actor.report({ kind: 'runBudgetSpent', runId, budget: 'score-queries' });
    await actor.report({ kind: 'candidateRefused', ...about, failureReason, message });
  }
}

type Answer =
  | Extract<Evaluation, { kind: 'score' }>
  | {
      readonly kind: 'refusal';
      readonly failureReason: 'badSubmission' | 'infrastructure' | 'cancelled';
      readonly message: string;
      readonly isBudgetSpent?: boolean;
    };

async function askForScore(
  { actor, evaluator, artifacts }: ExecutorOptions,
  { runId, attemptId, epoch, task, submission }: Of<'evaluate'>,
  signal: AbortSignal,
): Promise<Answer> {
  const missing: Answer = {
    kind: 'refusal',
    failureReason: 'infrastructure',
    message: `its submission ${submission} is not in the artifact store`,
  };
  const sizeBytes = await artifacts.size(submission);
  if (sizeBytes === undefined) return missing;
  const bytes = artifacts.stream(submission, chunkBytes);
  try {
    const parentIds = actor.state.attempts.get(attemptId)?.parents ?? [];
    const about = { runId, attemptId, epoch, parentIds, task, digest: submission, sizeBytes };
    const evaluation = await evaluator.evaluate({ ...about, bytes }, signal);
    if (evaluation.kind === 'score') return evaluation;
    return { ...evaluation, failureReason: evaluation.isBudgetSpent ? 'cancelled' : 'badSubmission' };
  } catch (error) {
    if (error instanceof ArtifactMissing) return missing;
    throw error;
  }
}

async function sealRun(options: ExecutorOptions, command: Of<'sealRun'>, signal: AbortSignal): Promise<void> {
  const { actor, evaluator, artifacts, log } = options;
  const { runId, task, finalists } = command;
  // For ever: without the verdict the run cannot end, and somebody may have to import the task again first.
  const sealed = await persist(
    options,
    command,
    signal,
    async () => {
      const verdict = await evaluator.sealRun(runId, task, finalists, signal);
      const run = actor.state.runs.get(runId);
      const refits = run?.task.refit === true;
      const hindrance = refits ? refitHindrance(actor.state, run, verdict) : undefined;
      const noted = hindrance === undefined ? verdict : withNote(verdict, hindrance);
      if (!verdict.hasFinalSubmission) return { verdict: noted };
      const { digest } = await artifacts.put(evaluator.fetchFinalSubmission(runId, signal));
      const judged = { verdict: noted, finalSubmissionDigest: digest };
      if (!refits || hindrance !== undefined) return judged;
      const bundle = await artifacts.put(evaluator.fetchRefitBundle(runId, signal));
      return { ...judged, bundleDigest: bundle.digest };
    },
    () => 'passing',
  );
  if (sealed.kind !== 'done') return;
  const { bundleDigest, ...told } = { bundleDigest: undefined, ...sealed.value };
  if (bundleDigest === undefined) await actor.report({ kind: 'runSealed', runId, ...told });
  else await actor.report({ kind: 'runJudged', runId, bundleDigest, ...told });
  log.info({ runId, winnerId: sealed.value.verdict.winnerId }, 'a run is sealed');
}

async function submitRefit(options: ExecutorOptions, command: Of<'submitRefit'>, signal: AbortSignal): Promise<void> {
  const { actor, evaluator, artifacts, log } = options;
  const { runId, attemptId, epoch, candidateId, submission } = command;
  const about = { runId, attemptId, epoch };
  const answer = await persist(options, command, signal, async () => {
    const sizeBytes = await artifacts.size(submission);
    if (sizeBytes === undefined) return `its submission ${submission} is not in the artifact store`;
    const bytes = artifacts.stream(submission, chunkBytes);
    const { refusal } = await evaluator.submitRefit(
      { runId, candidateId, digest: submission, sizeBytes, bytes },
      signal,
    );
    if (refusal !== undefined) return refusal;
    return { digest: (await artifacts.put(evaluator.fetchFinalSubmission(runId, signal))).digest };
  });
  if (answer.kind === 'unwanted') return;
  if (answer.kind === 'done' && typeof answer.value !== 'string') {
    const { digest: finalSubmissionDigest } = answer.value;
    await actor.report({ kind: 'candidateRefitted', ...about, finalSubmissionDigest });
    log.info({ runId, candidateId }, 'a program that is handed in is refitted');
    return;
  }
  const message = answer.kind === 'done' ? String(answer.value) : `it could not be handed in: ${answer.error.message}`;
  log.warn({ attemptId, reason: message }, 'a refit was refused; the submission as it was chosen stands');
  const failureReason = answer.kind === 'refused' ? 'infrastructure' : 'badSubmission';
  await actor.report({ kind: 'candidateRefused', ...about, failureReason, message });
}
