// A submission goes to the evaluator, and its score comes back after a look at it.

import type { Limiter } from '../../../shared/limiter.ts';
import { ArtifactMissing } from '../../../shared/store/artifacts.ts';
import type { Evaluation } from '../../rpc/evaluator.ts';
import { examined } from '../examine.ts';
import { type CommandOf, chunkBytes, type ExecutorOptions, persist } from './persist.ts';

export async function evaluate(
  options: ExecutorOptions,
  limiter: Limiter,
  command: CommandOf<'evaluate'>,
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
  { runId, attemptId, epoch, task, submission }: CommandOf<'evaluate'>,
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
