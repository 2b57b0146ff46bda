// A running evaluator over task folders that a test writes, and what a coordinator asks of it.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { readTree } from '../../shared/store/tree.ts';
import { configSchema } from '../config.ts';
import { startEvaluator } from '../evaluator.ts';
import type { Grader } from '../grader/grader.ts';
import { importTask } from '../import/import-task.ts';
import { buildRefitBundle } from '../import/refit-bundle.ts';
import { createJudge } from '../vault/judge.ts';
import { openVault } from '../vault/vault.ts';

type Service = 'doubleblind.evaluator.v1.EvaluatorService';
type Client = RpcClient<Service>;
type EvaluateResponse = Awaited<ReturnType<Client['evaluate']>>;
type Verdict = NonNullable<Awaited<ReturnType<Client['sealRun']>>['verdict']>;

/** Under which epoch, and whether for an attempt that goes on; the first one and no where nothing is said. */
interface Asked {
  readonly epoch?: number;
  readonly exploratory?: boolean;
}

/** Files of a task folder by their path. */
export type Folder = Readonly<Record<string, string>>;

export interface EvaluatorRig {
  readonly client: Client;
  readonly stateDirectory: string;
  /** The public files of a task. */
  bundle(name: string): Promise<Map<string, string>>;
  evaluate(task: string, run: string, candidate: string, text: string, how?: Asked): Promise<EvaluateResponse>;
  seal(task: string, run: string, candidateIds: readonly string[]): Promise<Verdict>;
  finalSubmission(run: string): Promise<string>;
  refitBundle(run: string): Promise<Map<string, string>>;
  /** Of the winner, or of a member of the ensemble. */
  submitRefit(run: string, text: string, candidateId?: string): Promise<Awaited<ReturnType<Client['submitRefit']>>>;
  stop(): Promise<void>;
}

/** Writes the folder to a temporary directory. */
export async function writeFolder(folder: Folder): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-task-'));
  for (const [path, content] of Object.entries(folder)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

/** Imports the folders and starts an evaluator over them. */
export async function startEvaluatorRig(
  folders: readonly Folder[],
  grader: { readonly fake?: Grader; readonly image?: string } = {},
): Promise<EvaluatorRig> {
  const state = await mkdtemp(join(tmpdir(), 'doubleblind-evaluator-'));
  const vault = openVault(state);
  for (const folder of folders) {
    const directory = await writeFolder(folder);
    await importTask(vault, directory);
    await rm(directory, { recursive: true });
  }
  vault.close();
  const tls = await testTls('evaluator');
  const config = configSchema.parse({
    ...{ listen: '127.0.0.1:0', stateDirectory: state, metricsPort: 0, logLevel: 'silent', tls, replyTickMs: 0 },
    ...(grader.image === undefined ? {} : { grader: { image: grader.image } }),
  });
  const fake = grader.fake === undefined ? {} : { grader: grader.fake };
  // In this process: the fast tests start none, and a grader that is played could not follow into another one.
  const judge: NonNullable<Parameters<typeof startEvaluator>[1]['judge']> = (keys, own) =>
    createJudge({ vault: openVault(state, { keys }), grader: own, buildRefitBundle });
  const daemon = await startEvaluator(config, {
    ...{ log: silentLogger, clock: systemClock, ...fake },
    ...(grader.image === undefined ? { judge } : {}),
  });
  const client = createRpcClient<Service>({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address: daemon.address,
    tls: await testTls('coordinator'),
    expectRole: 'evaluator',
  });
  const deadline = { deadlineMs: 120_000 };
  return {
    client,
    stateDirectory: state,
    bundle: async (name) => filesOf(await joined(client.getBundle({ name }, {}))),
    evaluate: (task, run, candidate, text, how = {}) =>
      client.evaluate(messages({ task, run, candidate, ...how }, text), deadline),
    async seal(task, runId, candidateIds) {
      const { verdict } = await client.sealRun({ runId, task, candidateIds }, deadline);
      if (verdict === undefined || verdict === null) throw new Error('no verdict');
      return verdict;
    },
    finalSubmission: async (runId) => (await joined(client.getFinalSubmission({ runId }, {}))).toString(),
    refitBundle: async (runId) => filesOf(await joined(client.getRefitBundle({ runId }, {}))),
    submitRefit: (run, text, candidateId = '') => client.submitRefit(refitMessages(run, candidateId, text), deadline),
    async stop() {
      client.close();
      await daemon.stop();
      await rm(state, { recursive: true });
    },
  };
}

async function joined(messages: AsyncIterable<{ chunk: Buffer }>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const { chunk } of messages) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function filesOf(tar: Buffer): Promise<Map<string, string>> {
  return new Map((await readTree(tar)).map((file) => [file.path, file.bytes.toString()]));
}

async function* messages(about: { task: string; run: string; candidate: string } & Asked, text: string) {
  const bytes = Buffer.from(text);
  const { task, epoch = 1, exploratory = false } = about;
  const candidate = { runId: about.run, attemptId: about.candidate, epoch };
  const submissionDigest = createHash('sha256').update(bytes).digest('hex');
  const header = { candidate, task, submissionDigest, submissionBytes: bytes.length, parentIds: [], exploratory };
  yield { header };
  for (let at = 0; at < bytes.length; at += 500_000) yield { chunk: bytes.subarray(at, at + 500_000) };
}

async function* refitMessages(runId: string, candidateId: string, text: string) {
  const bytes = Buffer.from(text);
  const submissionDigest = createHash('sha256').update(bytes).digest('hex');
  yield { header: { runId, candidateId, submissionDigest, submissionBytes: bytes.length } };
  yield { chunk: bytes };
}
