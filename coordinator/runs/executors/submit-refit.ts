// The winner's program has run on all labelled rows: what it predicts takes the place of what it predicted before.

import { type CommandOf, chunkBytes, type ExecutorOptions, persist } from './persist.ts';

export async function submitRefit(
  options: ExecutorOptions,
  command: CommandOf<'submitRefit'>,
  signal: AbortSignal,
): Promise<void> {
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
