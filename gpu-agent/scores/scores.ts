// Scores of submissions during the work, as the agent needs them: a port, and the coordinator's AttemptService behind it.
// The evaluator cannot be reached from here; the coordinator asks it, and says no where the attempt has had its scores.

import type { Clock } from '../../shared/clock.ts';
import type { AttemptId, Digest, RunId } from '../../shared/core/ids.ts';
import type { Logger } from '../../shared/log.ts';
import type { RpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { retrying } from '../retry.ts';

export interface ScoreRequest {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  /** In the coordinator's artifact store. */
  readonly submission: Digest;
}

/** What the model may know. */
export type ScoreReply =
  | { readonly kind: 'scored'; readonly feedback: string; readonly left: number }
  | { readonly kind: 'refused'; readonly message: string; readonly left: number }
  /** No score, and asking again would not help. */
  | { readonly kind: 'denied'; readonly message: string };

export interface Scores {
  /** Waits for a coordinator that is away up to `timeoutMs`. Rejects only with the signal's reason. */
  ask(
    request: ScoreRequest,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<ScoreReply>;
}

export interface CoordinatorScoresOptions {
  readonly client: Pick<RpcClient<'doubleblind.coordinator.v1.AttemptService'>, 'scoreSubmission'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const pauses = { baseMs: 200, capMs: 5000 };

export function coordinatorScores({ client, clock, log, random }: CoordinatorScoresOptions): Scores {
  return {
    async ask({ submission, ...attempt }, { timeoutMs, signal }) {
      const call = () =>
        client.scoreSubmission({ attempt, submissionDigest: submission }, { deadlineMs: timeoutMs, signal });
      try {
        const { feedback, refusal, remaining } = await retrying(call, {
          ...{ clock, signal, random, ...pauses, patienceMs: timeoutMs, mayHelp: isAway },
          onRetry: (error, retry) => log.warn({ error, ...attempt, retry }, 'a score could not be had; asking again'),
        });
        if (refusal !== '') return { kind: 'refused', message: refusal, left: remaining };
        return { kind: 'scored', feedback, left: remaining };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RpcFault)) throw error;
        log.warn({ error, ...attempt }, 'a score was not given');
        return { kind: 'denied', message: isOfConnection(error) ? 'no answer came in time' : error.message };
      }
    },
  };
}

/** It says where the coordinator is, and a model reads what is told here. */
function isOfConnection({ reason }: RpcFault): boolean {
  return reason === undefined || reason === 'unreachable';
}

/** The coordinator, or the evaluator behind it, is away or too slow. The same file costs nothing again. */
function isAway(error: unknown): boolean {
  return error instanceof RpcFault && ['unavailable', 'deadlineExceeded', 'aborted'].includes(error.code);
}
