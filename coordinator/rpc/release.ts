// Lets a candidate go on that was held back.

import { RpcFault } from '../../shared/rpc/fault.ts';
import { mayRelease } from '../core/release.ts';
import type { Attempt } from '../core/state.ts';
import type { Stage } from '../runs/rehearsal.ts';
import { findCandidate } from './lookup.ts';

/** A sentence; it stays with the candidate. */
const mostReasonCharacters = 500;

/** The candidate as it is afterwards; rejects where nothing holds it back, or its run is over. */
export async function releaseCandidate(
  stage: Stage,
  request: { readonly candidateId: string; readonly reason: string },
  by: string,
): Promise<Attempt> {
  const reason = request.reason.trim();
  if (reason === '' || reason.length > mostReasonCharacters) {
    const description = `must have between 1 and ${mostReasonCharacters} characters`;
    throw new RpcFault('invalidArgument', `say why it may go on: the reason ${description}`, {
      violations: [{ field: 'reason', description }],
    });
  }
  const attempt = findCandidate(stage.state, request.candidateId);
  const { id: attemptId, runId, epoch, number } = attempt;
  const run = stage.state.runs.get(runId);
  const wasReleased = attempt.phase === 'scored' && attempt.score?.quarantineReason !== '';
  if (!mayRelease(run, attempt) && !wasReleased) {
    const why = attempt.phase === 'quarantined' ? `its run is ${run?.phase ?? 'gone'}` : `it is ${attempt.phase}`;
    throw new RpcFault(
      'failedPrecondition',
      `#${number} cannot be released: ${why}, and not held back in a run that goes on`,
    );
  }
  await stage.post({ kind: 'candidateReleased', runId, attemptId, epoch, by, reason });
  return findCandidate(stage.state, attemptId);
}
