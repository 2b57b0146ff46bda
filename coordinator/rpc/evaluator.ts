// The evaluator as the coordinator needs it: a port, and its client over gRPC. Wire messages stop here.

import { digest } from '../../shared/core/ids.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import type { Services } from '../../shared/rpc/definitions.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import type { Fork } from '../core/event.ts';
import type { Score } from '../core/state.ts';
import type { Task, Verdict } from '../core/task.ts';

type Service = 'doubleblind.evaluator.v1.EvaluatorService';
type Methods = Services[Service];
type WireVerdict = NonNullable<Methods['sealRun']['response']['verdict']>;

/** One submission to be scored. */
interface Submission {
  readonly runId: string;
  readonly attemptId: string;
  readonly epoch: number;
  /** The candidates that it descends from. */
  readonly parentIds: readonly string[];
  readonly task: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** A score for an attempt that goes on. */
  readonly exploratory?: boolean;
}

/** What the last execution of a run wrote. */
interface RefitSubmission {
  readonly runId: string;
  /** Whose program was executed. */
  readonly candidateId: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The evaluator's answer to a submission. */
export type Evaluation =
  | { readonly kind: 'score'; readonly score: Score }
  /** `isBudgetSpent`: not for what it is, but because its run has used all of its scores. */
  | { readonly kind: 'refusal'; readonly message: string; readonly isBudgetSpent: boolean };

/** Scores submissions and ends runs. All calls are idempotent and reject with RpcFault. */
export interface Evaluator {
  listTasks(pageSize: number, pageToken: string): Promise<{ readonly tasks: Task[]; readonly nextPageToken: string }>;
  describeTask(name: string): Promise<Task>;
  fetchBundle(name: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Of a sealed run: the bundle with all labelled rows, for its last execution. */
  fetchRefitBundle(runId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** Hands that execution's submission in; the refusal, where it was refused. */
  submitRefit(submission: RefitSubmission, signal?: AbortSignal): Promise<{ readonly refusal?: string }>;
  evaluate(submission: Submission, signal?: AbortSignal): Promise<Evaluation>;
  /** Begins a run with scored candidates of another one; all forks share one query budget. */
  forkRun(runId: string, fork: Fork): Promise<void>;
  sealRun(runId: string, task: string, finalists: readonly string[], signal?: AbortSignal): Promise<Verdict>;
  fetchFinalSubmission(runId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** A page of the ledger as the protocol shows it. */
  listLedger(runId: string, pageSize: number, pageToken: string): Promise<unknown>;
  close(): void;
}

/** Descriptions are read from memory at the other end. */
const describeMs = 10_000;
/** Scoring 10⁶ rows with a bootstrap takes seconds; a task's own grader may take minutes. */
const evaluateMs = 600_000;
const sealMs = 600_000;
/** 10,000 records of the ledger are signed in two seconds on an idle machine. */
const forkMs = 60_000;
const bundleMs = 600_000;

/** A client of the evaluator-node; it connects with its first call. */
export function connectEvaluator(options: { readonly address: string; readonly tls: TlsPaths }): Evaluator {
  return evaluatorOver(
    createRpcClient<Service>({
      service: 'doubleblind.evaluator.v1.EvaluatorService',
      expectRole: 'evaluator',
      ...options,
    }),
  );
}

/** The port over a client; the simulator has one of its own. */
export function evaluatorOver(client: RpcClient<Service>): Evaluator {
  return {
    async listTasks(pageSize, pageToken) {
      const { tasks, nextPageToken } = await client.listTasks({ pageSize, pageToken }, { deadlineMs: describeMs });
      return { tasks: tasks.map(toTask), nextPageToken };
    },
    async describeTask(name) {
      const { task } = await client.describeTask({ name }, { deadlineMs: describeMs });
      return toTask(required(task, 'a task'));
    },
    fetchBundle: (name, signal) => chunks(client.getBundle({ name }, { deadlineMs: bundleMs, signal })),
    async evaluate(submission, signal) {
      const { score, refusal } = await client.evaluate(evaluateMessages(submission), {
        deadlineMs: evaluateMs,
        signal,
      });
      if (score !== undefined) return { kind: 'score', score: toScore(score) };
      const { message, error } = required(refusal, 'a score or a refusal');
      return { kind: 'refusal', message, isBudgetSpent: error === 'SUBMISSION_ERROR_QUERY_BUDGET' };
    },
    async forkRun(runId, { from: fromRunId, candidates }) {
      const inherited = candidates.map(({ id, from }) => ({ candidateId: id, fromCandidateId: from }));
      await client.forkRun({ runId, fromRunId, candidates: inherited }, { deadlineMs: forkMs });
    },
    async sealRun(runId, task, finalists, signal) {
      const request = { runId, task, candidateIds: finalists };
      const { verdict } = await client.sealRun(request, { deadlineMs: sealMs, signal });
      return toVerdict(required(verdict, 'a verdict'));
    },
    fetchRefitBundle: (runId, signal) => chunks(client.getRefitBundle({ runId }, { deadlineMs: bundleMs, signal })),
    async submitRefit(submission, signal) {
      const { refusal } = await client.submitRefit(refitMessages(submission), { deadlineMs: evaluateMs, signal });
      return refusal === undefined || refusal === null ? {} : { refusal: refusal.message };
    },
    fetchFinalSubmission: (runId, signal) =>
      chunks(client.getFinalSubmission({ runId }, { deadlineMs: bundleMs, signal })),
    listLedger: async (runId, pageSize, pageToken) =>
      await client.listLedger({ runId, pageSize, pageToken }, { deadlineMs: describeMs }),
    close: () => client.close(),
  };
}

async function* evaluateMessages(submission: Submission) {
  const { runId, attemptId, epoch, parentIds, task, digest: name, sizeBytes, bytes, exploratory = false } = submission;
  const candidate = { runId, attemptId, epoch };
  yield { header: { candidate, task, submissionDigest: name, submissionBytes: sizeBytes, parentIds, exploratory } };
  for await (const chunk of bytes) yield { chunk };
}

async function* refitMessages({ runId, candidateId, digest: submissionDigest, sizeBytes, bytes }: RefitSubmission) {
  yield { header: { runId, candidateId, submissionDigest, submissionBytes: sizeBytes } };
  for await (const chunk of bytes) yield { chunk };
}

async function* chunks(messages: AsyncIterable<{ chunk: Buffer }>): AsyncGenerator<Buffer> {
  for await (const { chunk } of messages) yield chunk;
}

/** The same fields under the same names; what the wire may add is left behind. */
function toTask({ bundleDigest, ...task }: Omit<Task, 'bundleDigest'> & { readonly bundleDigest: string }): Task {
  const { name, version, title, metric, lowerIsBetter, idColumn, predictionColumns, targetColumn } = task;
  const { targetColumns = [], predictionKind = '', sandboxImage = '' } = task;
  const { bundleBytes, description, source, licence, trainRows, testRows, refit, splitStrategy } = task;
  return {
    ...{
      name,
      version,
      title,
      metric,
      lowerIsBetter,
      idColumn,
      predictionColumns,
      targetColumn,
      targetColumns,
      predictionKind,
      sandboxImage,
    },
    ...{ bundleBytes, description, source, licence, trainRows, testRows, refit, splitStrategy },
    bundleDigest: digest(bundleDigest),
  };
}

function toScore({ value, standardError, feedback, quarantined, quarantineReason }: Score): Score {
  // Not a number would sort nowhere, so nothing could be ranked beside it.
  if (!Number.isFinite(value)) throw new RpcFault('internal', 'the evaluator gave a score that is no finite number');
  return {
    value,
    standardError: Number.isFinite(standardError) ? standardError : 0,
    feedback,
    quarantined,
    quarantineReason,
  };
}

function toVerdict(verdict: WireVerdict): Verdict {
  const { runId, winnerId, baselineName, ledgerHead, metric, lowerIsBetter, validationRows } = verdict;
  const { hasFinalSubmission, finalScore, ensemble, searchWinnerId, searchWinnerValidationScore, notes } = verdict;
  return {
    ...{ searchWinnerId, notes },
    ...(searchWinnerValidationScore === undefined ? {} : { searchWinnerValidationScore }),
    ...(finalScore === undefined ? {} : { finalScore }),
    ...(ensemble === null ? {} : { ensemble: toEnsemble(ensemble) }),
    ...{ runId, winnerId, baselineName, ledgerHead, metric, lowerIsBetter, validationRows, hasFinalSubmission },
    intervalLow: figure(verdict.intervalLow),
    intervalHigh: figure(verdict.intervalHigh),
    baselineValidationScore: figure(verdict.baselineValidationScore),
    baselineSearchScore: figure(verdict.baselineSearchScore),
    finalists: verdict.finalists.map((finalist) => {
      const { candidateId, searchScore, validationStandardError, probabilityBest, testScore } = finalist;
      const validationScore = figure(finalist.validationScore);
      const shared = { candidateId, searchScore, validationScore, validationStandardError, probabilityBest };
      return testScore === undefined ? shared : { ...shared, testScore };
    }),
  };
}

/** On the wire NaN says that there is none. */
function figure(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function toEnsemble(ensemble: NonNullable<Verdict['ensemble']>): NonNullable<Verdict['ensemble']> {
  const { members, rule, searchScore, validationScore, validationStandardError, probabilityBetter } = ensemble;
  const { selected, testScore } = ensemble;
  return {
    ...{ rule, searchScore, validationScore, validationStandardError, probabilityBetter, selected },
    members: members.map(({ candidateId, weight }) => ({ candidateId, weight })),
    ...(testScore === undefined ? {} : { testScore }),
  };
}

function required<Value>(value: Value | null | undefined, what: string): Value {
  if (value === null || value === undefined) throw new RpcFault('internal', `the evaluator answered without ${what}`);
  return value;
}
