// An evaluator over real TLS with made-up tasks whose labels a test knows, and the attacker's side of a submission.

import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '../../evaluator-node/config.ts';
import type { FeedbackMode } from '../../evaluator-node/core/feedback.ts';
import { findMetric } from '../../evaluator-node/core/metrics/registry.ts';
import type { QueryBudget } from '../../evaluator-node/core/queries.ts';
import { startEvaluator } from '../../evaluator-node/evaluator.ts';
import { openVault } from '../../evaluator-node/vault/vault.ts';
import type { EvaluateResponse } from '../../proto/generated/doubleblind/evaluator/v1.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';

export interface MadeTask {
  readonly name: string;
  readonly metric: string;
  readonly feedback: FeedbackMode;
  readonly queries?: Partial<QueryBudget>;
  /** Id of a row; r0, r1, … where it is left out. */
  readonly idOf?: (row: number) => string;
  /** Labels 0 and 1 of the search rows and of the validation rows, in the order of their ids. */
  readonly search: readonly number[];
  readonly validation: readonly number[];
}

interface Attempt {
  readonly task: string;
  readonly run: string;
  readonly candidate: string;
  readonly parents?: readonly string[];
  /** 1 where it is left out. */
  readonly epoch?: number;
}

export interface AttackedEvaluator {
  readonly client: RpcClient<'doubleblind.evaluator.v1.EvaluatorService'>;
  submit(attempt: Attempt, file: Buffer | string): Promise<EvaluateResponse>;
  stop(): Promise<void>;
}

/** Starts it with those tasks; replies leave on multiples of the tick. */
export async function attackEvaluator(tasks: readonly MadeTask[], replyTickMs = 0): Promise<AttackedEvaluator> {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'doubleblind-attacked-'));
  makeTasks(stateDirectory, tasks);
  const listening = { listen: '127.0.0.1:0', metricsPort: 0, logLevel: 'silent', tls: await testTls('evaluator') };
  const config = configSchema.parse({ ...listening, stateDirectory, replyTickMs });
  const daemon = await startEvaluator(config, { log: silentLogger, clock: systemClock });
  const client = createRpcClient({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address: daemon.address,
    tls: await testTls('coordinator'),
    expectRole: 'evaluator',
  });
  return {
    client,
    submit: (attempt, file) => client.evaluate(messages(attempt, Buffer.from(file)), { deadlineMs: 60_000 }),
    async stop() {
      client.close();
      await daemon.stop();
    },
  };
}

/** Puts made-up tasks into the vault of a state directory. */
export function makeTasks(stateDirectory: string, tasks: readonly MadeTask[]): void {
  const vault = openVault(stateDirectory);
  for (const task of tasks) addTask(vault, task);
  vault.close();
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 500_000) yield bytes.subarray(at, at + 500_000);
}

/** The messages of a submission, as a coordinator sends them. */
export async function* messages({ task, run, candidate, parents = [], epoch = 1 }: Attempt, bytes: Buffer) {
  yield {
    header: {
      candidate: { runId: run, attemptId: candidate, epoch },
      task,
      submissionDigest: createHash('sha256').update(bytes).digest('hex'),
      submissionBytes: bytes.length,
      parentIds: parents,
    },
  };
  for (const chunk of piecesOf(bytes)) yield { chunk };
}

function addTask(vault: ReturnType<typeof openVault>, task: MadeTask): void {
  const metric = findMetric(task.metric);
  if (metric === undefined) throw new Error(`no metric ${task.metric}`);
  const truth = Float64Array.from([...task.search, ...task.validation]);
  const columns = metric.kind === 'probabilities' ? ['0', '1'] : ['y'];
  const digest = createHash('sha256').update(task.name).digest('hex');
  vault.addVersion({
    version: digest,
    contentDigest: digest,
    secret: Buffer.alloc(32),
    description: {
      ...{ name: task.name, title: task.name, metric: metric.name, lowerIsBetter: metric.lowerIsBetter },
      ...{ kind: metric.kind, targetColumn: 'y', idColumn: 'id', predictionColumns: columns },
      ...{ officialColumns: columns, classes: ['0', '1'], splitStrategy: 'random', feedback: task.feedback },
      ...(task.queries === undefined ? {} : { queries: task.queries }),
      ...{ refit: false, source: 'made by a test', licence: 'CC0', description: '', trainRows: 0 },
      testRows: truth.length,
    },
    bundle: Buffer.alloc(0),
    bundleDigest: digest,
    hidden: {
      ids: Array.from(truth, (_, row) => task.idOf?.(row) ?? `r${row}`),
      splits: Uint8Array.from(truth, (_, row) => (row < task.search.length ? 0 : 1)),
      truth,
      official: [],
      baseline: { name: 'nothing', row: new Float64Array(columns.length) },
    },
  });
}

/** A file with one column of labels. */
export function labelFile(labels: readonly number[]): string {
  return `id,y\n${labels.map((label, row) => `r${row},${label}\n`).join('')}`;
}

/** A file with the probability of label 1 in each row. */
export function probabilityFile(probabilities: readonly number[]): string {
  return `id,0,1\n${probabilities.map((each, row) => `r${row},${1 - each},${each}\n`).join('')}`;
}
