// The wire edge of the evaluator: decodes requests, calls, encodes answers. Nothing is decided here.

import type { TaskInfo } from '../../proto/generated/doubleblind/common/v1.ts';
import type {
  EvaluateHeader,
  EvaluateRequest,
  EvaluateResponse,
  SubmissionError,
  SubmissionRefusal,
  SubmitRefitHeader,
  Verdict as WireVerdict,
} from '../../proto/generated/doubleblind/evaluator/v1.ts';
import { assertNever } from '../../shared/core/assert.ts';
import type { Input } from '../../shared/rpc/definitions.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { CallContext, Handlers } from '../../shared/rpc/handlers.ts';
import { implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import type { ChainRecord } from '../../shared/store/hash-chain.ts';
import type { Answer, Submission } from '../core/answer.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import type { ForkRequest } from '../core/fork.ts';
import type { Refusal, RefusalKind } from '../core/refusal.ts';
import type { StoredTask } from '../core/task.ts';
import type { RefitSubmission, SealRequest, Verdict } from '../core/verdict.ts';
import { pageOf } from './page.ts';

type Service = 'doubleblind.evaluator.v1.EvaluatorService';

/** What the service needs of the evaluator. */
export interface Evaluator {
  /** Current versions, by name, from after `afterName`. */
  listTasks(afterName: string, limit: number): StoredTask[];
  /** By name (the current version) or by `name@version`. */
  findTask(reference: string): StoredTask;
  readBundle(task: StoredTask, chunkBytes: number): AsyncIterable<Buffer>;
  evaluate(submission: Submission, chunks: AsyncIterable<Uint8Array>): Promise<Answer>;
  /** Begins a run with scored candidates of another one. */
  fork(request: ForkRequest): void;
  seal(request: SealRequest): Promise<Verdict>;
  /** A CSV file. */
  finalSubmission(runId: string, caller: string): string;
  /** The bundle of a sealed run's last execution, as a tar. */
  refitBundle(runId: string, caller: string): Promise<Buffer>;
  submitRefit(submission: RefitSubmission, chunks: AsyncIterable<Uint8Array>): Promise<Refusal | undefined>;
  listLedger(runId: string, afterSequence: number, limit: number): ChainRecord[];
  readonly ledgerKeyPem: string;
}

const chunkBytes = 512 * 1024;

/** The service over an evaluator. */
export function evaluatorService(evaluator: Evaluator): RpcServiceDefinition {
  return implement<Service>('doubleblind.evaluator.v1.EvaluatorService', evaluatorHandlers(evaluator));
}

/** What the service does; the simulator calls it without gRPC. */
export function evaluatorHandlers(evaluator: Evaluator): Handlers<Service> {
  return {
    listTasks: async (request) => {
      const page = pageOf(request);
      const tasks = evaluator.listTasks(page.after, page.size + 1);
      const shown = tasks.slice(0, page.size);
      const more = tasks.length > page.size;
      return {
        tasks: shown.map(taskInfo),
        nextPageToken: more ? page.tokenAfter(shown.at(-1)?.description.name ?? '') : '',
      };
    },
    describeTask: async (request) => guarded(() => ({ task: taskInfo(evaluator.findTask(request.name)) })),
    async *getBundle(request) {
      const task = guarded(() => evaluator.findTask(request.name));
      for await (const chunk of evaluator.readBundle(task, chunkBytes)) yield { chunk };
    },
    evaluate: async (requests, context) => evaluateStream(evaluator, requests, context),
    forkRun: async ({ runId, fromRunId, candidates }, context) =>
      guarded(() => {
        evaluator.fork({ runId, fromRunId, candidates, caller: callerOf(context) });
        return {};
      }),
    sealRun: async ({ runId, task, candidateIds }, context) => {
      const request = { runId, task, candidateIds, caller: callerOf(context) };
      return { verdict: wireVerdict(await settled(evaluator.seal(request))) };
    },
    async *getFinalSubmission(request, context) {
      const text = Buffer.from(guarded(() => evaluator.finalSubmission(request.runId, callerOf(context))));
      for (let at = 0; at < text.length; at += chunkBytes) yield { chunk: text.subarray(at, at + chunkBytes) };
    },
    async *getRefitBundle({ runId }, context) {
      const tar = await settled(evaluator.refitBundle(runId, callerOf(context)));
      for (let at = 0; at < tar.length; at += chunkBytes) yield { chunk: tar.subarray(at, at + chunkBytes) };
    },
    submitRefit: async (requests, context) => {
      const { header, chunks } = await headed<SubmitRefitHeader>(requests);
      const { runId, candidateId, submissionDigest: digest, submissionBytes: bytes } = header;
      const refit = { runId, candidateId, digest, bytes, caller: callerOf(context) };
      const refused = await settled(evaluator.submitRefit(refit, chunks));
      return refused === undefined ? {} : { refusal: wireRefusal(refused) };
    },
    listLedger: async (request) => {
      const page = pageOf(request);
      const after = page.after === '' ? 0 : Number(page.after);
      const records = evaluator.listLedger(request.runId, after, page.size + 1);
      const shown = records.slice(0, page.size);
      const more = records.length > page.size;
      return {
        records: shown.map(({ body, ...record }) => ({ ...record, bodyJson: body })),
        nextPageToken: more ? page.tokenAfter(String(shown.at(-1)?.sequence ?? 0)) : '',
        publicKeyPem: evaluator.ledgerKeyPem,
      };
    },
  };
}

/** Turns the evaluator's faults into coded ones. */
function guarded<Value>(call: () => Value): Value {
  try {
    return call();
  } catch (error) {
    throw coded(error);
  }
}

/** The same for a call that takes its time. */
async function settled<Value>(call: Promise<Value>): Promise<Value> {
  try {
    return await call;
  } catch (error) {
    throw coded(error);
  }
}

function coded(error: unknown): unknown {
  return error instanceof EvaluatorFault ? new RpcFault(error.kind, error.message, { reason: error.reason }) : error;
}

function callerOf({ identity }: CallContext): string {
  return `${identity.role}/${identity.name}`;
}

async function evaluateStream(
  evaluator: Evaluator,
  requests: AsyncIterable<EvaluateRequest>,
  context: CallContext,
): Promise<Input<EvaluateResponse>> {
  const { header, chunks } = await headed<EvaluateHeader>(requests);
  return wireAnswer(await settled(evaluator.evaluate(submissionOf(header, callerOf(context)), chunks)));
}

/** A stream of a header and chunks. */
async function headed<Header>(
  requests: AsyncIterable<{ readonly header?: Header | undefined; readonly chunk?: Buffer | undefined }>,
): Promise<{ readonly header: Header; readonly chunks: AsyncGenerator<Uint8Array> }> {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  const header = first.done === true ? undefined : first.value.header;
  if (header === undefined)
    throw new RpcFault('invalidArgument', 'the first message must be the header', { reason: 'badHeader' });
  return { header, chunks: chunksOf(messages) };
}

function submissionOf(header: EvaluateHeader, caller: string): Submission {
  return {
    runId: header.candidate?.runId ?? '',
    candidateId: header.candidate?.attemptId ?? '',
    epoch: header.candidate?.epoch ?? 0,
    parentIds: header.parentIds,
    exploratory: header.exploratory,
    task: header.task,
    digest: header.submissionDigest,
    bytes: header.submissionBytes,
    caller,
  };
}

async function* chunksOf(messages: AsyncIterator<{ readonly chunk?: Buffer | undefined }>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    if (next.value.chunk === undefined) {
      throw new RpcFault('invalidArgument', 'every message after the first must be a chunk', { reason: 'badChunk' });
    }
    yield next.value.chunk;
  }
}

const refusalKinds: Readonly<Record<RefusalKind, SubmissionError>> = {
  empty: 'SUBMISSION_ERROR_EMPTY',
  tooLarge: 'SUBMISSION_ERROR_TOO_LARGE',
  notText: 'SUBMISSION_ERROR_NOT_TEXT',
  malformedCsv: 'SUBMISSION_ERROR_MALFORMED_CSV',
  wrongColumns: 'SUBMISSION_ERROR_WRONG_COLUMNS',
  duplicateId: 'SUBMISSION_ERROR_DUPLICATE_ID',
  unknownId: 'SUBMISSION_ERROR_UNKNOWN_ID',
  missingId: 'SUBMISSION_ERROR_MISSING_ID',
  invalidValue: 'SUBMISSION_ERROR_INVALID_VALUE',
  outOfRange: 'SUBMISSION_ERROR_OUT_OF_RANGE',
  digestMismatch: 'SUBMISSION_ERROR_DIGEST_MISMATCH',
  queryBudget: 'SUBMISSION_ERROR_QUERY_BUDGET',
};

function wireAnswer({ outcome, cached, ledgerSequence }: Answer): Input<EvaluateResponse> {
  switch (outcome.kind) {
    case 'score': {
      const { value, standardError, feedback, quarantineReason } = outcome;
      const quarantine = { quarantined: quarantineReason !== undefined, quarantineReason: quarantineReason ?? '' };
      return { score: { value, standardError, feedback, ...quarantine }, cached, ledgerSequence };
    }
    case 'refusal':
      return { refusal: wireRefusal(outcome.refusal), cached, ledgerSequence };
    default:
      return assertNever(outcome);
  }
}

function wireRefusal({ kind, message, line }: Refusal): Input<SubmissionRefusal> {
  return { error: refusalKinds[kind], message, line };
}

function taskInfo(task: StoredTask): Input<TaskInfo> {
  const { description } = task;
  return {
    name: description.name,
    version: task.version,
    title: description.title,
    metric: description.metric,
    lowerIsBetter: description.lowerIsBetter,
    idColumn: description.idColumn,
    predictionColumns: description.predictionColumns,
    targetColumn: description.targetColumn,
    targetColumns: description.targetColumns ?? [],
    predictionKind: description.grader?.predicts ?? description.kind,
    bundleDigest: task.bundleDigest,
    bundleBytes: task.bundleBytes,
    description: description.description,
    source: description.source,
    licence: description.licence,
    trainRows: description.trainRows,
    testRows: description.testRows,
    refit: description.refit,
    splitStrategy: description.splitStrategy,
    sandboxImage: description.image ?? '',
  };
}

function wireVerdict(verdict: Verdict): Input<WireVerdict> {
  const number = (value: number | null): number => value ?? Number.NaN;
  const { searchWinnerValidationScore, ...told } = verdict;
  return {
    ...told,
    intervalLow: verdict.winnerId === '' ? 0 : number(verdict.intervalLow),
    intervalHigh: verdict.winnerId === '' ? 0 : number(verdict.intervalHigh),
    notes: verdict.notes ?? [],
    searchWinnerId: verdict.searchWinnerId ?? '',
    ...(typeof searchWinnerValidationScore === 'number' ? { searchWinnerValidationScore } : {}),
    baselineSearchScore: number(verdict.baselineSearchScore),
    baselineValidationScore: number(verdict.baselineValidationScore),
    finalists: verdict.finalists.map((finalist) => ({
      ...finalist,
      validationScore: number(finalist.validationScore),
    })),
  };
}
