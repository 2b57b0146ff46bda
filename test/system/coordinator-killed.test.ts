// The coordinator is killed with SIGKILL in the middle of a run and started again by its supervisor. Nothing finished is
// lost, nothing is repeated or counted twice, and the run ends as if nothing had been.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';

interface Candidate {
  readonly candidateId: string;
  readonly number: number;
  readonly state: string;
  readonly searchScore: number | null;
  readonly epoch: number;
  readonly artifacts: { readonly submissionDigest: string };
}
interface Run {
  readonly runId: string;
  readonly state: string;
  readonly candidatesScored: number;
  readonly verdict: { readonly winnerId: string } | null;
}

let started: TestCluster | undefined;

beforeAll(async () => {
  started = await startTestCluster({ slots: 2 });
});

afterAll(async () => {
  await started?.stop();
});

const scored = (candidates: readonly Candidate[]): Candidate[] => candidates.filter(({ state }) => state === 'scored');

test('kill -9 of the coordinator in mid-run: the run goes on, nothing finished is lost or repeated', async () => {
  const cluster = present(started, 'the cluster');
  const candidatesOf = (run: string): Promise<Candidate[]> => cluster.json<Candidate[]>('results', run, '--all');
  const imported = await cluster.run('task', 'import', 'tasks/digits');
  expect(imported.code, imported.stderr).toBe(0);
  const { runId } = await cluster.json<Run>(
    'run',
    'digits',
    '--candidates',
    '4',
    '--seed',
    '3',
    '--budget',
    '30m',
    '--detach',
  );

  const killed: number[] = [];
  for (const wanted of [1, 3]) {
    await waitFor(`${wanted} scored candidates`, async () => scored(await candidatesOf(runId)).length >= wanted, {
      timeoutMs: 120_000,
      everyMs: 300,
    });
    const before = scored(await candidatesOf(runId));
    const pid = cluster.pidOf('coordinator');
    expect(pid).toBeDefined();
    process.kill(pid as number, 'SIGKILL');
    killed.push(pid as number);
    const after = await waitFor('the coordinator to serve again', () => candidatesOf(runId), {
      timeoutMs: 30_000,
      everyMs: 100,
    });
    const byId = new Map(after.map((candidate) => [candidate.candidateId, candidate]));
    for (const candidate of before) expect(byId.get(candidate.candidateId)).toEqual(candidate);
  }
  expect(new Set(killed).size).toBe(2);

  const run = await waitFor(
    'the run to be sealed',
    async () => {
      const now = await cluster.json<Run>('show', runId);
      return now.state === 'sealed' ? now : undefined;
    },
    { timeoutMs: 240_000, everyMs: 500 },
  );
  expect(run.verdict?.winnerId).toBeTruthy();
  expect(run.candidatesScored).toBe(4);

  const candidates = await candidatesOf(runId);
  expect(new Set(candidates.map(({ number }) => number)).size).toBe(candidates.length);
  expect(new Set(candidates.map(({ candidateId }) => candidateId)).size).toBe(candidates.length);
}, 600_000);
