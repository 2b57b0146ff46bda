// Runs an arm: a whole run of a real cluster with real sandboxes and a real evaluator, and what came of it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { connectCoordinator } from '../../cli/rpc/coordinator.ts';
import { startTestCluster, type TestCluster } from '../../test/support/cluster.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type Arm, runWords, width } from './arms.ts';
import { inGenerations } from './generations.ts';
import type { Outcome } from './outcomes.ts';
import { startOwnMetricEvaluator } from './own-metric-evaluator.ts';
import { type TaskName, taskFolder } from './tasks.ts';

/** A cluster that runs arms of one kind of scoring. */
export interface ArmCluster {
  run(arm: Arm, task: TaskName, seed: number): Promise<Omit<Outcome, 'key' | 'task' | 'seed' | 'arm'>>;
  stop(): Promise<void>;
}

/** Starts a cluster; where candidates are to say what they are worth, its coordinator speaks to a stand-in of the evaluator. */
export async function startArmCluster(scoring: Arm['scoring']): Promise<ArmCluster> {
  const stack = new AsyncDisposableStack();
  try {
    const cluster = stack.adopt(await startTestCluster({ slots: width }), (it) => it.stop());
    if (scoring === 'own metric') {
      const standIn = stack.adopt(await startOwnMetricEvaluator(cluster), (it) => it.stop());
      await pointCoordinatorAt(cluster, standIn.address);
    }
    const imported = new Set<TaskName>();
    return {
      async run(arm, task, seed) {
        if (!imported.has(task)) await mustEndWell(cluster, 'task', 'import', taskFolder(task));
        imported.add(task);
        const words = ['run', task, ...runWords, ...arm.words, '--seed', String(seed)];
        const runId = arm.generations ? await inGenerations(cluster, words) : await runIdOf(cluster, words);
        return await outcomeOf(cluster, runId, arm);
      },
      stop: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** The supervisor of `up` starts a daemon that ended anew, from its file. */
async function pointCoordinatorAt(cluster: TestCluster, address: string): Promise<void> {
  const path = join(cluster.stateDirectory, 'etc', 'coordinator.yaml');
  const config = z.looseObject({ evaluator: z.looseObject({}) }).parse(parse(readFileSync(path, 'utf8')));
  writeFileSync(path, stringify({ ...config, evaluator: { address } }));
  const before = cluster.pidOf('coordinator');
  if (before === undefined) throw new Error('the coordinator does not run');
  process.kill(before, 'SIGTERM');
  const isBack = async (): Promise<boolean> => {
    const now = cluster.pidOf('coordinator');
    return (
      now !== undefined && now !== before && (await cluster.run('node', 'ls', '-o', 'json')).stdout.includes('"ready"')
    );
  };
  await waitFor('the coordinator to serve again', isBack, { timeoutMs: 60_000, everyMs: 300 });
}

async function mustEndWell(cluster: TestCluster, ...words: string[]): Promise<void> {
  const { code, stderr } = await cluster.run(...words);
  if (code !== 0) throw new Error(`doubleblind ${words.join(' ')} ended with ${code}: ${stderr}`);
}

async function runIdOf(cluster: TestCluster, words: readonly string[]): Promise<string> {
  const { run } = z.object({ run: z.object({ runId: z.string() }) }).parse(await cluster.json(...words));
  return run.runId;
}

async function outcomeOf(cluster: TestCluster, runId: string, arm: Arm) {
  const place = { coordinator: cluster.addresses.COORDINATOR, pkiDirectory: join(cluster.stateDirectory, 'pki') };
  const coordinator = connectCoordinator({ ...place, stateDirectory: cluster.stateDirectory, gateway: '' });
  try {
    const run = await coordinator.getRun(runId);
    const { verdict } = run;
    const [winner] = verdict?.finalists ?? [];
    if (verdict === null || winner === undefined) throw new Error(`${runId}: no candidate is valid`);
    const all = await coordinator.listCandidates(runId);
    const ended = all
      .filter(({ endedAt }) => endedAt !== null)
      .sort((left, right) => Date.parse(left.endedAt ?? '') - Date.parse(right.endedAt ?? ''));
    const begun = Math.min(...all.map(({ plannedAt }) => Date.parse(plannedAt ?? '')));
    let slotSeconds = 0;
    const candidates = ended.flatMap((candidate) => {
      const { candidateId, number, endedAt, searchScore: fitness, standardError, usage } = candidate;
      slotSeconds += usage.slotSeconds;
      const test = verdict.finalists.find((one) => one.candidateId === candidateId)?.testScore ?? undefined;
      if (fitness === null || test === undefined) return [];
      const parents = all.filter((one) => candidate.parentIds.includes(one.candidateId)).map((one) => one.number);
      const seconds = (Date.parse(endedAt ?? '') - begun) / 1000;
      const made = { number, operator: candidate.operator ?? '', parents, took: usage.wallSeconds };
      return [{ ...made, seconds, slotSeconds, fitness, standardError, test }];
    });
    const seconds = Math.max(...candidates.map((one) => one.seconds));
    const lowerIsBetter = verdict.lowerIsBetter;
    const common = { failed: all.length - candidates.length, seconds, slotSeconds, lowerIsBetter, candidates };
    const single = { single: winner.validationScore, singleTest: required(winner.testScore) };
    const baseline = { baseline: verdict.baselineValidationScore };
    if (arm.scoring === 'own metric') {
      // Nobody else looked: what says most for itself is handed in, and its word is what is said of it.
      const better = (one: number, other: number): boolean => (lowerIsBetter ? one < other : one > other);
      const chosen = candidates.reduce((best, one) => (better(one.fitness, best.fitness) ? one : best));
      return { ...common, ...baseline, reported: chosen.fitness, ensemble: false, test: chosen.test };
    }
    const ensemble = verdict.ensemble?.selected === true;
    const test = required((ensemble ? verdict.ensemble?.testScore : undefined) ?? winner.testScore);
    return { ...common, ...baseline, ...single, reported: required(verdict.finalScore), ensemble, test };
  } finally {
    coordinator.close();
  }
}

function required(value: number | null | undefined): number {
  if (value === null || value === undefined) throw new Error('the verdict lacks a score of the official test rows');
  return value;
}
