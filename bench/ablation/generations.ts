// Synchronous generations: the run is paused as soon as a generation is on its way, and goes on when all of it have ended.

import { join } from 'node:path';
import { connectCoordinator } from '../../cli/rpc/coordinator.ts';
import type { TestCluster } from '../../test/support/cluster.ts';
import { width } from './arms.ts';

const isUnderWay = /^(leased|running|evaluating)$/;

/** Starts a run and follows it to its end; gives its id. */
export async function inGenerations(cluster: TestCluster, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.run(...words, '--detach');
  const runId = stdout.trim().split(/\s+/)[0] ?? '';
  if (code !== 0 || runId === '') throw new Error(`doubleblind ${words.join(' ')} ended with ${code}: ${stderr}`);
  const place = { coordinator: cluster.addresses.COORDINATOR, pkiDirectory: join(cluster.stateDirectory, 'pki') };
  const coordinator = connectCoordinator({ ...place, stateDirectory: cluster.stateDirectory, gateway: '' });
  try {
    const underWay = new Set<string>();
    let [begun, isPaused] = [0, false];
    for await (const { candidate } of coordinator.watchRun(runId, 0, new AbortController().signal)) {
      if (candidate === null) continue;
      const isNew = !underWay.has(candidate.candidateId);
      if (!isUnderWay.test(candidate.state)) underWay.delete(candidate.candidateId);
      else if (isNew) {
        underWay.add(candidate.candidateId);
        begun += 1;
      }
      if (!isPaused && begun >= width) {
        isPaused = true;
        await ignoringTheEnd(coordinator.pauseRun(runId));
      } else if (isPaused && underWay.size === 0) {
        [begun, isPaused] = [0, false];
        await ignoringTheEnd(coordinator.resumeRun(runId));
      }
    }
    return runId;
  } finally {
    coordinator.close();
  }
}

/** The last generation may end the run before it can be paused. */
async function ignoringTheEnd(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof Error) || !/seal|end/i.test(error.message)) throw error;
  });
}
