// An evaluator and a gateway that answer at once, so that what is measured is the coordinator.

import { limits, task as someTask } from '../../coordinator/core/machine.test-support.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import type { Logger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { implement } from '../../shared/rpc/handlers.ts';
import { type RpcServer, startRpcServer } from '../../shared/rpc/server.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import { sha256 } from '../../shared/store/digest.ts';

const bundle = Buffer.from('a bundle');

export { limits };
export const task = { ...someTask, bundleDigest: sha256(bundle), bundleBytes: bundle.length };

interface Listening {
  readonly listen: string;
  readonly tls: TlsPaths;
  readonly log: Logger;
}

const notNeeded = (): never => {
  throw new RpcFault('unimplemented', 'not part of the benchmark');
};

/** Scores follow from the digest, so that they are spread evenly. */
export async function startEvaluatorStandIn(listening: Listening): Promise<RpcServer> {
  const service = implement('doubleblind.evaluator.v1.EvaluatorService', {
    listTasks: async () => ({ tasks: [task] }),
    describeTask: async () => ({ task }),
    async evaluate(requests) {
      let digest = '';
      for await (const { header } of requests) digest = header?.submissionDigest ?? digest;
      const value = Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
      return { score: { value, standardError: 0.01, feedback: value.toFixed(1), quarantined: false } };
    },
    forkRun: notNeeded,
    sealRun: notNeeded,
    async *getBundle() {
      yield { chunk: bundle };
    },
    getFinalSubmission: notNeeded,
    getRefitBundle: notNeeded,
    submitRefit: notNeeded,
    listLedger: notNeeded,
  });
  return await startRpcServer({ ...listening, services: [service] });
}

export async function startGatewayStandIn(listening: Listening): Promise<RpcServer> {
  const service = implement('doubleblind.gateway.v1.LlmService', {
    openAttempt: async ({ attempt }) => ({ token: `token of ${attempt?.attemptId} ${attempt?.epoch}` }),
    closeAttempt: async () => ({ usage: noUsage }),
    complete: notNeeded,
    getSpend: notNeeded,
    listModels: notNeeded,
    checkModel: async () => ({}),
  });
  return await startRpcServer({ ...listening, services: [service] });
}
