import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import {
  type Cluster,
  createRun,
  deadline,
  leaseTtlMs,
  sealed,
  startCluster as start,
} from './coordinator.test-cluster.ts';
import { createTestPki, type TestPki } from './coordinator.test-support.ts';
import { audit } from './core/audit.ts';
import { openJournal, stateHash } from './journal/journal.ts';

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

async function startCluster(settings?: Record<string, unknown>): Promise<Cluster> {
  cluster = await start(pki, settings);
  return cluster;
}

test('a run of 16 candidates ends with a verdict, and everything is told in order', async () => {
  const made = await startCluster();
  made.evaluator.refuse = (candidate) => candidate.endsWith('-0003');
  made.agent.fate = (id) => (id.endsWith('-0005') ? { afterMs: 5, failureReason: 'crash' } : { afterMs: 5 });
  const runId = await createRun(made, { candidates: 16, seed: 7 });
  expect(runId).toMatch(/^digits-[0-9a-f]{6}$/);
  const kinds: string[] = [];
  const sequences: number[] = [];
  let last: unknown;
  for await (const event of made.client().watchRun({ runId })) {
    kinds.push(event.kind);
    sequences.push(event.sequence);
    last = event.run;
    // Nothing of the validation split is anywhere before the seal.
    if (event.kind !== 'runSealed') expect(event.run?.verdict).toBeNull();
  }
  expect(kinds[0]).toBe('runCreated');
  expect(kinds.at(-1)).toBe('runSealed');
  expect(sequences).toEqual([...sequences].sort((left, right) => left - right));
  expect(last).toMatchObject({ state: 'RUN_STATE_SEALED', endReason: 'candidates', candidatesScored: 16 });
  const { candidates, nextPageToken } = await made.client().listCandidates({ runId, pageSize: 5 }, deadline);
  expect(candidates.map((candidate) => candidate.number)).toEqual([1, 2, 3, 4, 5]);
  expect(nextPageToken).toBe(`${runId}-0005`);
  expect(candidates[2]).toMatchObject({
    state: 'CANDIDATE_STATE_FAILED',
    failureReason: 'FAILURE_REASON_BAD_SUBMISSION',
    failureMessage: 'row 3: not a number',
  });
  expect(candidates[4]).toMatchObject({ failureReason: 'FAILURE_REASON_CRASH', failureMessage: 'so it was told' });
  const whole = await made.client().listCandidates({ runId }, deadline);
  const operators = new Set(whole.candidates.map((candidate) => candidate.operator));
  expect(operators).toContain('OPERATOR_MUTATE');
  expect(operators).toContain('OPERATOR_REPAIR');
  const run = await sealed(made, runId.slice(0, -2));
  expect(run?.verdict?.winnerId).toBe(made.evaluator.sealed?.[0]);
  expect(made.evaluator.sealed).toHaveLength(10);
  const best = [...made.evaluator.answers].sort(([, left], [, right]) => left - right)[0]?.[0];
  expect(run?.bestCandidateId).toBe(best);
  const chunks: string[] = [];
  for await (const { chunk } of made.client().getFinalSubmission({ runId })) chunks.push(chunk.toString());
  expect(chunks.join('')).toBe('id,target\n1,2\n');
  const entries: string[] = [];
  for await (const { json } of made.client().watchTranscript({ candidateId: `${runId}-0001`, fromEntry: 1 })) {
    entries.push(json);
  }
  expect(entries).toEqual([`{"entry":1,"of":"${runId}-0001"}`]);
  const later: number[] = [];
  for await (const event of made.client().watchRun({ runId, afterSequence: sequences[10] ?? 0 }))
    later.push(event.sequence);
  expect(later).toEqual(sequences.slice(11));
});

test('agents get feedback and notes, never the exact score', async () => {
  const made = await startCluster();
  const runId = await createRun(made, { candidates: 8, draftProbability: 0 });
  await sealed(made, runId);
  const orders = JSON.stringify(made.agent.orders);
  expect(orders).toContain('OPERATOR_MUTATE');
  expect(orders).toContain(`note of ${runId}-00`);
  for (const value of made.evaluator.answers.values()) expect(orders).not.toContain(String(value));
});

test('a coordinator that is restarted at any moment loses and repeats nothing', async () => {
  const made = await startCluster();
  made.agent.fate = () => ({ afterMs: 20 + Math.random() * 60 });
  const runId = await createRun(made, { candidates: 16, seed: 3 });
  for (let kills = 0; kills < 5; kills += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    await made.restart();
  }
  const run = await sealed(made, runId);
  expect(run?.candidatesScored).toBe(16);
  const { candidates } = await made.client().listCandidates({ runId }, deadline);
  const finished = made.agent.ended.filter((event) => !JSON.stringify(event.body).includes('cancelled'));
  const ids = finished.map((event) => event.attemptId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(candidates.find((candidate) => candidate.candidateId === id)?.state).toBe('CANDIDATE_STATE_SCORED');
  }
  await vi.waitFor(() => expect(made.agent.outbox.size).toBe(0), { timeout: 20_000 });
  const hash = made.coordinator().stateHash();
  await made.coordinator().stop();
  const journal = openJournal(made.config.stateDirectory);
  const folded = journal.fold();
  journal.close();
  expect(stateHash(folded)).toBe(hash);
  expect(audit(folded)).toEqual([]);
});

test('the work of a host that falls silent goes on when it is back, under a larger epoch', async () => {
  const made = await startCluster();
  made.agent.fate = () => 'never';
  const runId = await createRun(made, { candidates: 1 });
  await vi.waitFor(() => expect(made.agent.running.size).toBe(1));
  const [first] = made.agent.running.values();
  // The process forgets: as after the loss of its disk, it does not know its lease any more.
  made.agent.running.clear();
  made.agent.outbox.clear();
  made.agent.fate = () => ({ afterMs: 5 });
  const run = await sealed(made, runId);
  expect(run?.candidatesScored).toBe(1);
  const { candidates } = await made.client().listCandidates({ runId }, deadline);
  expect(candidates[0]?.epoch).toBeGreaterThan(first?.epoch ?? 0);
});

test('a silent bus alone never loses a host', async () => {
  const made = await startCluster();
  made.agent.fate = () => 'never';
  await createRun(made, { candidates: 1 });
  await vi.waitFor(() => expect(made.agent.running.size).toBe(1));
  made.agent.silent = true;
  await vi.waitFor(
    async () => {
      const { hosts } = await made.fleetClient().listHosts({}, deadline);
      expect(hosts[0]?.heartbeatAgeSeconds).toBeGreaterThan((2 * leaseTtlMs) / 1000);
      expect(hosts[0]?.state).toBe('HOST_STATE_READY');
      expect(hosts[0]?.reason).toBe('');
    },
    { timeout: 10_000 },
  );
});

test('a host that is gone is lost after its leases, and what it held waits for another', async () => {
  const made = await startCluster();
  made.agent.fate = () => 'never';
  const runId = await createRun(made, { candidates: 1 });
  await vi.waitFor(() => expect(made.agent.running.size).toBe(1));
  await made.agent.stop();
  await vi.waitFor(
    async () => {
      const { hosts } = await made.fleetClient().listHosts({}, deadline);
      expect(hosts[0]?.state).toBe('HOST_STATE_LOST');
      const { candidates } = await made.client().listCandidates({ runId }, deadline);
      expect(candidates[0]?.state).toBe('CANDIDATE_STATE_PLANNED');
    },
    { timeout: 10_000 },
  );
});

test('cancel stops what runs and seals with what there is', async () => {
  const made = await startCluster();
  let started = 0;
  made.agent.fate = () => {
    started += 1;
    return started <= 2 ? { afterMs: 5 } : 'never';
  };
  const runId = await createRun(made);
  await vi.waitFor(
    async () => {
      const { run } = await made.client().getRun({ runId }, deadline);
      expect(run?.candidatesScored).toBe(2);
      expect(run?.attemptsRunning).toBe(4);
    },
    { timeout: 10_000 },
  );
  await made.client().cancelRun({ runId }, deadline);
  const run = await sealed(made, runId);
  expect(run).toMatchObject({ endReason: 'cancelled', candidatesScored: 2, attemptsFailed: 4 });
  await expect(made.client().pauseRun({ runId }, deadline)).rejects.toMatchObject({ code: 'failedPrecondition' });
});

test('a paused run starts nothing until it is resumed', async () => {
  const made = await startCluster();
  await vi.waitFor(async () => expect((await made.fleetClient().listHosts({}, deadline)).hosts).toHaveLength(1));
  await made.fleetClient().cordonHost({ host: 'alpha', reason: 'new cooler' }, deadline);
  const again = await made.fleetClient().cordonHost({ host: 'alpha' }, deadline);
  expect(again.host?.reason).toBe('new cooler');
  const runId = await createRun(made, { candidates: 2 });
  await made.client().pauseRun({ runId }, deadline);
  const { host } = await made.fleetClient().uncordonHost({ host: 'alpha' }, deadline);
  expect(host?.state).toBe('HOST_STATE_READY');
  expect((await made.client().getRun({ runId }, deadline)).run).toMatchObject({
    state: 'RUN_STATE_PAUSED',
    attemptsPlanned: 0,
  });
  await made.client().resumeRun({ runId }, deadline);
  expect((await sealed(made, runId))?.candidatesScored).toBe(2);
});

test('the runs of one owner share the quota of the configuration, also after a restart', async () => {
  // The host has four lanes.
  const made = await startCluster({ quotas: { parallelAttempts: 1, owners: { local: 3 } } });
  made.agent.fate = () => 'never';
  const [first, second] = [await createRun(made, {}, 'first'), await createRun(made, {}, 'second')];
  const expected = { owner: 'local', ownerQuota: 3, ownerAttemptsRunning: 3 };
  await vi.waitFor(() => expect(made.agent.running.size).toBe(3), { timeout: 20_000 });
  await made.restart();
  const runs = await Promise.all([first, second].map((runId) => made.client().getRun({ runId }, deadline)));
  for (const { run } of runs) expect(run).toMatchObject(expected);
  expect(runs.reduce((sum, { run }) => sum + (run?.attemptsRunning ?? 0), 0)).toBe(3);
  for await (const { run } of made.client().watchRun({ runId: first })) {
    expect(run).toMatchObject({ owner: 'local', ownerQuota: 3 });
    break;
  }
});

test('requests that cannot be met say what to do', async () => {
  const made = await startCluster();
  const ask = (request: object) => made.client().createRun(request, deadline);
  await expect(ask({ requestId: 'a', task: 'nope' })).rejects.toMatchObject({
    code: 'notFound',
    message: 'no task "nope"; there are: digits',
  });
  await expect(ask({ requestId: '', task: 'digits' })).rejects.toMatchObject({ code: 'invalidArgument' });
  await expect(ask({ requestId: 'a', task: 'digits', options: { crossoverProbability: 2 } })).rejects.toMatchObject({
    violations: [{ field: 'options.crossover_probability' }],
  });
  await expect(made.client().getRun({ runId: 'nope' }, deadline)).rejects.toMatchObject({ code: 'notFound' });
  const first = await createRun(made, { candidates: 1 }, 'same');
  expect(await createRun(made, { candidates: 1 }, 'same')).toBe(first);
  await createRun(made, { candidates: 1 }, 'other');
  await expect(made.client().getRun({ runId: 'digits-' }, deadline)).rejects.toMatchObject({
    code: 'invalidArgument',
    reason: 'ambiguousPrefix',
    message: expect.stringContaining(first),
  });
  await expect(made.fleetClient().cordonHost({ host: 'beta' }, deadline)).rejects.toMatchObject({ code: 'notFound' });
});

async function refitOf({ client }: Cluster, runId: string) {
  const { candidates } = await client().listCandidates({ runId, pageSize: 100 }, deadline);
  return candidates.find(({ operator }) => operator === 'OPERATOR_REFIT');
}

test('the winner is refitted on a bundle of its own before the run is sealed, also where the coordinator is restarted meanwhile', async () => {
  const made = await startCluster();
  made.evaluator.refit = true;
  // Attempts of the search end in milliseconds; the refit, the only one that starts after the verdict, takes longer.
  made.agent.fate = () => ({ afterMs: made.evaluator.sealed === undefined ? 5 : 1000 });
  const runId = await createRun(made, { candidates: 3 });
  await vi.waitFor(async () => expect((await refitOf(made, runId))?.state).toBe('CANDIDATE_STATE_RUNNING'), 10_000);
  await made.restart();
  const run = await sealed(made, runId);
  expect(run?.verdict?.notes).toEqual([expect.stringContaining('refitted on all labelled rows')]);
  expect(await refitOf(made, runId)).toMatchObject({
    state: 'CANDIDATE_STATE_REFITTED',
    parentIds: [run?.verdict?.winnerId],
  });
  const orders = made.agent.orders as { operator: string; task: { bundleDigest: string }; gatewayToken: string }[];
  const own = orders.filter(({ operator }) => operator === 'OPERATOR_REFIT');
  expect(own.length).toBeGreaterThan(0);
  expect(new Set(own.map(({ gatewayToken }) => gatewayToken))).toEqual(new Set(['']));
  expect(orders.filter(({ task }) => task.bundleDigest === own[0]?.task.bundleDigest)).toEqual(own);
  expect(made.evaluator.refits).toHaveLength(1);
  await made.restart();
  expect((await sealed(made, runId))?.verdict?.notes).toHaveLength(1);
});

test.each([
  ['crashes', 'crash', ''],
  ['is refused', undefined, 'the file is empty'],
] as const)(
  'where the refit %s, the submission of the winner stands and the verdict says so',
  async (_, failureReason, refusal) => {
    const made = await startCluster();
    made.evaluator.refit = true;
    made.evaluator.refitRefusal = refusal;
    made.agent.fate = () => {
      const ends = { afterMs: 5 };
      return made.evaluator.sealed === undefined || failureReason === undefined ? ends : { ...ends, failureReason };
    };
    const runId = await createRun(made, { candidates: 2 });
    const run = await sealed(made, runId);
    expect(run?.verdict?.notes).toEqual([expect.stringMatching(/refit on all labelled rows failed \(.*stands/)]);
    expect((await refitOf(made, runId))?.state).toBe('CANDIDATE_STATE_FAILED');
    const chunks: Buffer[] = [];
    for await (const { chunk } of made.client().getFinalSubmission({ runId }, {})) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('id,target\n1,2\n');
  },
);

test('cancelling a refit that no host takes seals the run with the submission that stands', async () => {
  const made = await startCluster();
  made.evaluator.refit = true;
  made.agent.fate = () => (made.evaluator.sealed === undefined ? { afterMs: 5 } : 'never');
  const runId = await createRun(made, { candidates: 2 });
  await vi.waitFor(async () => expect((await refitOf(made, runId))?.state).toBe('CANDIDATE_STATE_RUNNING'), 10_000);
  await made.client().cancelRun({ runId }, deadline);
  const run = await sealed(made, runId);
  expect([run?.endReason, run?.verdict?.notes.length]).toEqual(['candidates', 1]);
});
