// No hidden evaluation: between the coordinator and the evaluator stands one that answers with what the candidate's note says
// of itself, its own cross-validation. As in the paper's case some programs have a bug in their metric (AIRA2, 2026): a share of them,
// drawn by candidate, says that it is twice as close to perfect as it is, and children inherit the bug with the code.
//
// Everything else goes through: tasks, bundles, and at the end the real verdict, by which we learn what each was worth.

import { join } from 'node:path';
import { connectCoordinator } from '../../cli/rpc/coordinator.ts';
import { nextFloat, seedRng } from '../../shared/core/rng.ts';
import { createLogger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { implement } from '../../shared/rpc/handlers.ts';
import { startRpcServer } from '../../shared/rpc/server.ts';
import type { TestCluster } from '../../test/support/cluster.ts';

/** Share of programs written with a wrong metric. */
const wrongShare = 0.1;
const callMs = 600_000;

export async function startOwnMetricEvaluator(cluster: TestCluster) {
  const pki = join(cluster.stateDirectory, 'pki');
  const tlsOf = (name: string) => ({
    ca: join(pki, 'ca.crt'),
    certificate: join(pki, `${name}.crt`),
    key: join(pki, `${name}.key`),
  });
  const evaluator = createRpcClient({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address: cluster.addresses.EVALUATOR,
    tls: tlsOf('coordinator'),
    expectRole: 'evaluator',
  });
  const coordinator = connectCoordinator({
    ...{ coordinator: cluster.addresses.COORDINATOR, pkiDirectory: pki },
    ...{ stateDirectory: cluster.stateDirectory, gateway: '' },
  });
  const directions = new Map<string, boolean>();
  const wrong = new Set<string>();
  const unary = { deadlineMs: callMs };
  const service = implement('doubleblind.evaluator.v1.EvaluatorService', {
    listTasks: (request) => evaluator.listTasks(request, unary),
    describeTask: (request) => evaluator.describeTask(request, unary),
    getBundle: (request) => evaluator.getBundle(request),
    async evaluate(requests) {
      const parts = await collect(requests);
      const header = parts[0]?.header;
      // Recorded there too, so that the verdict knows the candidate.
      const truth = await evaluator.evaluate(parts, unary);
      if (!header?.candidate || !truth.score) return truth;
      const { attemptId } = header.candidate;
      const lower =
        directions.get(header.task) ?? (await evaluator.describeTask({ name: header.task }, unary)).task?.lowerIsBetter;
      if (lower === undefined) throw new RpcFault('internal', `the evaluator does not know ${header.task}`);
      directions.set(header.task, lower);
      const { note } = await coordinator.getCandidate(attemptId);
      const own = ownMetric(note);
      if (own === undefined) return { refusal: { message: 'it says nothing of its own metric' } };
      const isWrong = header.parentIds.some((id) => wrong.has(id)) || nextFloat(seedRng(attemptId)) < wrongShare;
      if (isWrong) wrong.add(attemptId);
      const value = isWrong ? flattered(own, lower) : own;
      return { ...truth, score: { ...truth.score, value, feedback: value.toPrecision(3) } };
    },
    forkRun: (request) => evaluator.forkRun(request, unary),
    sealRun: (request) => evaluator.sealRun(request, unary),
    getFinalSubmission: (request) => evaluator.getFinalSubmission(request),
    getRefitBundle: (request) => evaluator.getRefitBundle(request),
    submitRefit: (requests) => evaluator.submitRefit(requests, unary),
    listLedger: (request) => evaluator.listLedger(request, unary),
  });
  const log = createLogger({ name: 'own-metric', level: 'error' });
  const server = await startRpcServer({ listen: '127.0.0.1:0', tls: tlsOf('evaluator'), services: [service], log });
  return {
    address: server.address,
    async stop(): Promise<void> {
      await server.stop(1000);
      evaluator.close();
      coordinator.close();
    },
  };
}

async function collect<Part>(parts: AsyncIterable<Part>): Promise<Part[]> {
  const all: Part[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

/** The figure by which the offline policy's note says what to expect: of its folds, not of rows that it cannot see. */
export function ownMetric(note: string): number | undefined {
  const figure = /(?:Cross-validated|Out-of-fold) \S+ (-?\d+(?:\.\d+)?)/.exec(note)?.[1];
  return figure === undefined ? undefined : Number(figure);
}

/** Half the distance to what cannot be beaten: 0 of an error, 1 of a score. */
export function flattered(own: number, lowerIsBetter: boolean): number {
  return lowerIsBetter ? own / 2 : 1 - (1 - own) / 2;
}
