// What people do to a run that ends it, or goes on from it, over real gRPC.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Cluster, createRun, deadline, sealed, startCluster } from './coordinator.test-cluster.ts';
import { createTestPki, type TestPki } from './coordinator.test-support.ts';

let pki: TestPki;
let cluster: Cluster | undefined;

beforeAll(async () => {
  pki = await createTestPki();
});
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});
afterAll(() => pki.remove());

async function start(): Promise<Cluster> {
  cluster = await startCluster(pki);
  return cluster;
}

/** A run with two scores whose other attempts never end. */
async function stuckRun(made: Cluster): Promise<string> {
  let started = 0;
  made.agent.fate = () => {
    started += 1;
    return started <= 2 ? { afterMs: 5 } : 'never';
  };
  const runId = await createRun(made);
  await vi.waitFor(
    async () => {
      const { run } = await made.client().getRun({ runId }, deadline);
      expect([run?.candidatesScored, run?.attemptsRunning]).toEqual([2, 4]);
      expect(made.agent.running.size).toBe(4);
    },
    { timeout: 20_000 },
  );
  return runId;
}

test('kill ends a run at once and asks nobody for a verdict; the host stops, and its slots serve the next run', async () => {
  const made = await start();
  const runId = await stuckRun(made);
  const { run } = await made.client().killRun({ runId }, deadline);
  expect(run).toMatchObject({ state: 'RUN_STATE_KILLED', endReason: 'killed', attemptsRunning: 0, verdict: null });
  expect(run?.endedAt).not.toBeNull();
  await vi.waitFor(() => expect(made.agent.running.size).toBe(0), { timeout: 10_000 });
  expect(made.evaluator.sealed).toBeUndefined();
  const kinds: string[] = [];
  for await (const { kind } of made.client().watchRun({ runId })) kinds.push(kind);
  expect(kinds.at(-1)).toBe('runKilled');
  await expect(made.client().resumeRun({ runId }, deadline)).rejects.toThrow('is killed and cannot be resumed');
  await made.restart();
  expect((await made.client().getRun({ runId }, deadline)).run?.state).toBe('RUN_STATE_KILLED');
  made.agent.fate = () => ({ afterMs: 5 });
  await sealed(made, await createRun(made, { candidates: 2 }, 'another'));
});

test('a killed run is sealed later with what it had, where that is asked for', async () => {
  const made = await start();
  const runId = await stuckRun(made);
  await made.client().killRun({ runId }, deadline);
  await made.client().killRun({ runId, seal: true }, deadline);
  const run = await sealed(made, runId);
  expect(run).toMatchObject({ endReason: 'killed', candidatesScored: 2 });
  expect(made.evaluator.sealed).toHaveLength(2);
  const kinds: string[] = [];
  for await (const { kind } of made.client().watchRun({ runId })) kinds.push(kind);
  expect(kinds.at(-1)).toBe('runSealed');
});

test('a fork goes on with what the run had, under options that are as there unless named', async () => {
  const made = await start();
  const runId = await createRun(made, { candidates: 3, finalists: 7, guidance: 'be brief' });
  await sealed(made, runId);
  const request = { requestId: 'fork', runId: runId.slice(0, -2), options: { candidates: 2 } };
  const { run } = await made.client().forkRun(request, deadline);
  expect(run).toMatchObject({ forkedFrom: runId, inheritedCandidates: 3, task: 'digits' });
  expect(run?.options).toMatchObject({ candidates: 2, finalists: 7, guidance: 'be brief' });
  const forkId = run?.runId ?? '';
  expect(made.evaluator.forks).toEqual([`${forkId} from ${runId}: 3`]);
  expect((await made.client().forkRun(request, deadline)).run?.runId).toBe(forkId);
  expect(await sealed(made, forkId)).toMatchObject({ candidatesScored: 5, endReason: 'candidates' });
  const { candidates } = await made.client().listCandidates({ runId: forkId }, deadline);
  expect(candidates.slice(0, 3).map(({ inheritedFrom }) => inheritedFrom.startsWith(runId))).toEqual([
    true,
    true,
    true,
  ]);
  await made.restart();
  const empty = await createRun(made, { candidates: 1 }, 'empty');
  await made.client().killRun({ runId: empty }, deadline);
  const nothing = made.client().forkRun({ requestId: 'none', runId: empty }, deadline);
  await expect(nothing).rejects.toThrow('has no candidate with a score to begin with');
});

test('a coordinator that can store no artifacts any more ends, as without a journal', async () => {
  const made = await start();
  // The log of its small artifacts, which nobody has waited for yet.
  rmSync(join(made.config.stateDirectory, 'artifacts', 'small.db-wal'));
  const ended = expect(made.coordinator().done).rejects.toThrow('may not be on the disk');
  made.agent.fate = () => ({ afterMs: 5 });
  await createRun(made);
  await ended;
});
