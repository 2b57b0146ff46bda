// Gets an attempt that goes on the score of a submission, and no more scores than its run allows.
//
// Owns: the order: counted in the journal, asked of the evaluator, the answer in the journal, then told. Leaves to core/queries.ts
// who may ask, to the evaluator what an answer shows. Invariants: 1. A host learns nothing that the journal does not hold.
// 2. The exact score ends here: it is neither journaled nor returned. 3. Asked again after any crash, the same file gets the
// same answer and is counted once, since journal and evaluator both know it by its digest. 4. While a file is with the
// evaluator, whoever asks for it again waits for that answer; it comes also where the first who asked has gone. 5. Of a call that did not
// come through a host hears one sentence: what it says is read by a model, and where the evaluator is, is nothing for hosts.

import type { AttemptId, Digest, HostName, RunId } from '../../shared/core/ids.ts';
import { newLimiter } from '../../shared/limiter.ts';
import type { Logger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { mayAsk, queriesLeft, queryFor } from '../core/queries.ts';
import type { Attempt, Run, ScoreAnswer } from '../core/state.ts';
import { pinnedName } from '../core/task.ts';
import type { Evaluation, Evaluator } from '../rpc/evaluator.ts';
import type { SearchActor } from './search-actor.ts';

/** An eighth of what final submissions may have (executors.ts), so that exploring never keeps them waiting for long. */
const queriesAtOnce = 4;
const chunkBytes = 1_048_576;

/** Which file, and who says that it is at work on the attempt. */
export interface ScoreRequest {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly host: HostName;
  readonly submission: Digest;
}

export interface ScoreDesk {
  /** Rejects with RpcFault: `notHeld`, `scoresUsed`, `unknownArtifact`, `evaluatorAway`, or the evaluator's own. */
  ask(request: ScoreRequest): Promise<{ readonly answer: ScoreAnswer; readonly left: number }>;
}

export interface ScoreDeskOptions {
  readonly actor: Pick<SearchActor, 'state' | 'post' | 'report'>;
  readonly evaluator: Pick<Evaluator, 'evaluate'>;
  readonly artifacts: Pick<ArtifactDirectory, 'size' | 'stream'>;
  readonly log: Logger;
}

export function newScoreDesk(options: ScoreDeskOptions): ScoreDesk {
  const { actor } = options;
  const limiter = newLimiter(queriesAtOnce);
  const asking = new Map<string, Promise<void>>();
  const learn = async (request: ScoreRequest): Promise<void> => {
    const answer = await limiter.run(() => askEvaluator(options, request));
    const { runId, attemptId, epoch, submission } = request;
    await actor.report({ kind: 'scoreTold', runId, attemptId, epoch, submission, answer });
  };
  const learnOnce = (request: ScoreRequest): Promise<void> => {
    const key = `${request.attemptId} ${request.epoch} ${request.submission}`;
    const started = asking.get(key) ?? learn(request).finally(() => asking.delete(key));
    asking.set(key, started);
    return started;
  };
  return {
    async ask(request) {
      const { submission } = request;
      if (queryFor(held(actor, request).attempt, submission) === undefined) await admit(options, request);
      if (queryFor(held(actor, request).attempt, submission)?.answer === undefined) await learnOnce(request);
      const { run, attempt } = held(actor, request);
      const told = queryFor(attempt, submission)?.answer;
      // Not journaled means that the lease went elsewhere meanwhile; what is not in the journal is not told.
      if (told === undefined) throw notHeld(request);
      return { answer: told, left: queriesLeft(run, attempt) };
    },
  };
}

/** The attempt, where the host is at work on it. */
function held({ state }: Pick<SearchActor, 'state'>, request: ScoreRequest): { run: Run; attempt: Attempt } {
  const run = state.runs.get(request.runId);
  const attempt = state.attempts.get(request.attemptId);
  if (run === undefined || attempt?.runId !== run.id || !mayAsk(run, attempt, request)) throw notHeld(request);
  return { run, attempt };
}

function notHeld({ host, attemptId, epoch }: ScoreRequest): RpcFault {
  const message = `${host} does not hold attempt ${attemptId} under epoch ${epoch}, or its run has ended`;
  return new RpcFault('failedPrecondition', message, { reason: 'notHeld' });
}

async function admit({ actor, artifacts }: ScoreDeskOptions, request: ScoreRequest): Promise<void> {
  const { runId, attemptId, epoch, host, submission } = request;
  if ((await artifacts.size(submission)) === undefined) throw missing(submission);
  const admitted = await actor.post({ kind: 'scoreAsked', runId, attemptId, epoch, host, submission });
  // The same file may have been asked for by a call at the same time.
  if (admitted || queryFor(held(actor, request).attempt, submission) !== undefined) return;
  const total = held(actor, request).run.options.scoreQueries ?? 0;
  const message =
    total === 0 ? 'attempts of this run get no scores during their work' : `the attempt has had its ${total} scores`;
  throw new RpcFault('resourceExhausted', message, { reason: 'scoresUsed' });
}

async function askEvaluator(
  { actor, evaluator, artifacts, log }: ScoreDeskOptions,
  request: ScoreRequest,
): Promise<ScoreAnswer> {
  const { run, attempt } = held(actor, request);
  const { runId, attemptId, epoch, submission } = request;
  const sizeBytes = await artifacts.size(submission);
  if (sizeBytes === undefined) throw missing(submission);
  const bytes = artifacts.stream(submission, chunkBytes);
  const about = { runId, attemptId, epoch, parentIds: attempt.parents, task: pinnedName(run.task) };
  let evaluation: Evaluation;
  try {
    evaluation = await evaluator.evaluate({ ...about, digest: submission, sizeBytes, bytes, exploratory: true });
  } catch (error) {
    log.warn({ error, attemptId, epoch, submission }, 'a score could not be had from the evaluator');
    throw forHosts(error);
  }
  return evaluation.kind === 'score' ? { feedback: evaluation.score.feedback } : { refusal: evaluation.message };
}

/** The evaluator's own words stay; those of the connection to it name its address. */
function forHosts(error: unknown): unknown {
  if (!(error instanceof RpcFault)) return error;
  const { code, reason } = error;
  const isOwn = reason !== undefined && code !== 'unavailable' && code !== 'deadlineExceeded';
  if (isOwn) return error;
  return new RpcFault(code, 'the evaluator gives no scores at the moment', { reason: 'evaluatorAway', cause: error });
}

function missing(submission: Digest): RpcFault {
  return new RpcFault('notFound', `the submission ${submission} is not in the artifact store`, {
    reason: 'unknownArtifact',
  });
}
