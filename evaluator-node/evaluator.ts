// The evaluator-node: vault, ledger and service, opened in that order and closed in the reverse.

import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { observeDisk } from '../shared/daemon/disk-metrics.ts';
import type { Running } from '../shared/daemon/run-daemon.ts';
import type { Logger } from '../shared/log.ts';
import { startMetricsServer } from '../shared/metrics.ts';
import { observeCertificates } from '../shared/rpc/certificate-metrics.ts';
import { startRpcServer } from '../shared/rpc/server.ts';
import type { EvaluatorConfig } from './config.ts';
import { createDockerGrader } from './grader/docker-grader.ts';
import type { Grader } from './grader/grader.ts';
import { openLedger } from './ledger/ledger.ts';
import { withMetrics } from './metrics.ts';
import { type Evaluator, evaluatorService } from './rpc/evaluator-service.ts';
import { type EvaluationParts, evaluateSubmission } from './vault/evaluation.ts';
import { forkRun } from './vault/forks.ts';
import type { Judge } from './vault/judge.ts';
import { createJudgeProcess } from './vault/judge-process.ts';
import { type LabelKeyPaths, labelKeyPaths } from './vault/label-keys.ts';
import { refitBundle, submitRefit } from './vault/refit.ts';
import { taskFor } from './vault/run-task.ts';
import { openScorer } from './vault/scorer.ts';
import { createTaskLoader } from './vault/scoring.ts';
import { finalSubmission, sealRun } from './vault/sealing.ts';
import { openVault } from './vault/vault.ts';

/** How long running calls may take to end when the daemon stops. */
const stopGraceMs = 5000;

interface EvaluatorOptions {
  readonly stateDirectory: string;
  readonly keys: LabelKeyPaths;
  readonly clock: Clock;
  readonly replyTickMs: number;
  readonly scoringThreads: number;
  readonly grader: Grader;
  readonly judge: Judge;
}

/** An evaluator over the vault of a state directory, whose search labels alone it opens. */
function openEvaluator(
  options: EvaluatorOptions,
): Evaluator & { readonly lockedOnOpening: number; close(): Promise<void> } {
  const { keys, judge } = options;
  const vault = openVault(options.stateDirectory, { keys, opens: ['search'] });
  vault.checkKeys();
  const ledger = openLedger(vault.database, options.stateDirectory);
  const { clock, replyTickMs } = options;
  const scorer = openScorer({ stateDirectory: options.stateDirectory, keys }, options.scoringThreads);
  const { grader } = options;
  const load = createTaskLoader(vault);
  const parts: EvaluationParts = { vault, ledger, clock, replyTickMs, scorer, grader, judge, load };
  return {
    ...evaluatorOver(parts),
    lockedOnOpening: vault.lockedOnOpening,
    async close() {
      await scorer.close();
      vault.close();
    },
  };
}

/** What is asked of an evaluator, over its parts; the simulator has parts of its own. */
export function evaluatorOver(parts: EvaluationParts): Evaluator {
  const { vault, ledger } = parts;
  return {
    listTasks: (afterName, limit) => vault.listTasks(afterName, limit),
    findTask: (reference) => taskFor(vault, reference),
    readBundle: (task, chunkBytes) => vault.readBundle(task.bundleDigest, chunkBytes),
    evaluate: (submission, chunks) => evaluateSubmission(parts, submission, chunks),
    fork: (request) => forkRun(parts, request),
    seal: (request) => sealRun(parts, request),
    finalSubmission: (runId, caller) => finalSubmission(parts, runId, caller),
    refitBundle: (runId, caller) => refitBundle(parts, runId, caller),
    submitRefit: (submission, chunks) => submitRefit(parts, submission, chunks),
    listLedger: (runId, afterSequence, limit) => ledger.list(runId, afterSequence, limit),
    ledgerKeyPem: ledger.publicKeyPem,
  };
}

/** Removes what a killed evaluator left of its graders. Only tasks with a grader need an engine, so its absence is a warning. */
async function sweepGrader(grader: Grader, evaluator: Evaluator, log: Logger): Promise<void> {
  const needed = evaluator.listTasks('', 1000).some(({ description }) => description.grader !== undefined);
  try {
    const removed = await grader.sweep();
    if (removed > 0) log.warn({ removed }, 'containers of graders were left behind and are removed');
    if (needed) await grader.check();
  } catch (error) {
    if (needed) log.warn({ error }, 'tasks with a grader of their own cannot be scored');
    else log.debug({ error }, 'there is no engine to run graders in');
  }
}

export interface EvaluatorDependencies {
  readonly log: Logger;
  readonly clock: Clock;
  /** Where systemd put the daemon's credentials, if it did. */
  readonly credentialsDirectory?: string;
  /** Of tests: in place of containers, and of a process. */
  readonly grader?: Grader;
  readonly judge?: (keys: LabelKeyPaths, grader: Grader) => Judge;
}

/** The daemon, listening. */
export async function startEvaluator(
  config: EvaluatorConfig,
  deps: EvaluatorDependencies,
): Promise<Running & { readonly address: string; readonly port: number }> {
  const installation = createHash('sha256').update(resolve(config.stateDirectory)).digest('hex').slice(0, 16);
  const { stateDirectory, replyTickMs, scoringThreads, docker } = config;
  const directory = join(stateDirectory, 'grading');
  const engine = { ...config.grader, socketPath: docker.socket, installation, directory };
  const left = (containerId: string, error: unknown): void =>
    deps.log.warn({ containerId, error }, 'the container of a grader could not be removed; the next start removes it');
  const grader = deps.grader ?? createDockerGrader({ ...engine, clock: deps.clock, left });
  const keys = labelKeyPaths(stateDirectory, config.labelKeys, deps.credentialsDirectory);
  const judge =
    deps.judge?.(keys, grader) ??
    createJudgeProcess({ stateDirectory: resolve(stateDirectory), keys, grader: engine }, config.judge);
  const opened = openEvaluator({ stateDirectory, keys, replyTickMs, scoringThreads, clock: deps.clock, grader, judge });
  if (opened.lockedOnOpening > 0) {
    const about = { versions: opened.lockedOnOpening, keys };
    deps.log.warn(
      about,
      'labels that lay in the clear are locked now; back up their keys, older backups still hold the labels',
    );
  }
  const { evaluator, metrics } = withMetrics(opened);
  const stack = new AsyncDisposableStack();
  stack.defer(() => opened.close());
  try {
    // A wrong key is told now and not when a run of many hours is sealed.
    await judge.check();
    await sweepGrader(grader, opened, deps.log);
    if (config.metricsPort > 0) {
      observeDisk(metrics, config.stateDirectory);
      stack.adopt(observeCertificates(metrics, config.tls), (it) => it.stop());
      stack.adopt(await startMetricsServer({ port: config.metricsPort, metrics }), (page) => page.stop());
    }
    const services = [evaluatorService(evaluator)];
    const server = await startRpcServer({ listen: config.listen, tls: config.tls, services, log: deps.log });
    stack.defer(() => server.stop(stopGraceMs));
    deps.log.info({ address: server.address, tasks: evaluator.listTasks('', 1000).length }, 'the evaluator listens');
    return {
      address: server.address,
      port: server.port,
      stop: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
