import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { issueCertificate } from '../shared/pki/authority.ts';
import { createRpcClient } from '../shared/rpc/client.ts';
import { RpcFault } from '../shared/rpc/fault.ts';
import type { TlsPaths } from '../shared/rpc/tls-files.ts';
import { type Cluster, createRun, deadline, startCluster } from './coordinator.test-cluster.ts';
import { createTestPki, type TestPki } from './coordinator.test-support.ts';
import { openJournal } from './journal/journal.ts';

let pki: TestPki;
let cluster: Cluster;

beforeAll(async () => {
  pki = await createTestPki();
  cluster = await startCluster(pki);
  cluster.agent.fate = () => 'never';
});
afterAll(async () => {
  await cluster.stop();
  await pki.remove();
});

/** An AttemptService client; the address changes with a restart. */
function attempts(tls: TlsPaths = pki.tls('gpu-agent')) {
  return createRpcClient({
    service: 'doubleblind.coordinator.v1.AttemptService',
    address: cluster.coordinator().address,
    tls,
    expectRole: 'coordinator',
  });
}

async function fault(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'no fault',
    (error: unknown) => (error instanceof RpcFault ? `${error.code}/${error.reason}` : String(error)),
  );
}

/** The first attempt of a new run, once the agent holds it. */
async function heldAttempt(options: Record<string, unknown>, requestId: string) {
  const runId = await createRun(cluster, { parallelAttempts: 1, ...options }, requestId);
  const attemptId = `${runId}-0001`;
  const held = await vi.waitFor(() => {
    const found = cluster.agent.running.get(attemptId);
    if (found === undefined) throw new Error('not started yet');
    return found;
  });
  return { runId, attemptId, epoch: held.epoch };
}

test('an attempt gets its two scores as agents may see them and no third, however many calls it makes at once', async () => {
  const attempt = await heldAttempt({ scoreQueries: 2 }, 'two');
  const client = attempts();
  const digests = await Promise.all([1, 2, 3, 4].map((file) => cluster.agent.put(`file ${file}`)));
  const ask = (submissionDigest = '') => client.scoreSubmission({ attempt, submissionDigest }, deadline);
  const outcomes = await Promise.allSettled([...digests, ...digests].map(ask));
  const told = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as RpcFault] : []));
  // Each of two files twice.
  expect(told).toHaveLength(4);
  expect(new Set(told.map(({ feedback }) => feedback)).size).toBe(2);
  expect(refused.map(({ reason }) => reason)).toEqual(['scoresUsed', 'scoresUsed', 'scoresUsed', 'scoresUsed']);
  expect(told.at(-1)?.remaining).toBe(0);
  // A file that is with the evaluator is not sent there a second time.
  expect(cluster.evaluator.calls).toHaveLength(2);
  const value = cluster.evaluator.answers.get(attempt.attemptId);
  for (const { feedback } of told) expect(feedback).toMatch(/^\d\.\d$/);
  client.close();

  // After a restart the same file has the same answer, and the budget is as it was.
  const scored = digests.filter((_, index) => outcomes[index]?.status === 'fulfilled');
  const calls = cluster.evaluator.calls.length;
  await cluster.restart();
  const later = attempts();
  const again = await later.scoreSubmission({ attempt, submissionDigest: scored[0] ?? '' }, deadline);
  expect(told.map(({ feedback }) => feedback)).toContain(again.feedback);
  expect(cluster.evaluator.calls).toHaveLength(calls);
  const fifth = await cluster.agent.put('file 5');
  expect(await fault(later.scoreSubmission({ attempt, submissionDigest: fifth }, deadline))).toBe(
    'resourceExhausted/scoresUsed',
  );
  later.close();
  const { candidate } = await cluster.client().getCandidate({ candidateId: attempt.attemptId }, deadline);
  expect(candidate?.scoreQueriesUsed).toBe(2);
  const journal = openJournal(cluster.config.stateDirectory);
  const text = JSON.stringify(journal.readRun(attempt.runId, 0, 1000));
  journal.close();
  expect(text).toContain('scoreTold');
  expect(text).not.toContain(String(value));
});

test('who does not hold the attempt is refused: another host, an older epoch, an operator; and unknown files', async () => {
  const attempt = await heldAttempt({ scoreQueries: 5 }, 'held');
  const submissionDigest = await cluster.agent.put('a file');
  const ask = async (tls: TlsPaths, request: object = {}) => {
    const client = attempts(tls);
    const answer = await fault(client.scoreSubmission({ attempt, submissionDigest, ...request }, deadline));
    client.close();
    return answer;
  };
  const own = pki.tls('gpu-agent');
  const directory = join(pki.directory, 'pki');
  const other = await issueCertificate(directory, {
    ...{ role: 'gpu-agent', name: 'beta', hosts: [], fileName: 'beta' },
  });
  expect(await ask({ ...own, ...other })).toBe('failedPrecondition/notHeld');
  expect(await ask(own, { attempt: { ...attempt, epoch: attempt.epoch + 1 } })).toBe('failedPrecondition/notHeld');
  expect(await ask(pki.tls('operator'))).toContain('permissionDenied');
  expect(await ask(own, { submissionDigest: '0'.repeat(64) })).toBe('notFound/unknownArtifact');
  expect(await ask(own, { submissionDigest: 'x' })).toContain('invalidArgument');
  expect(await ask(own)).toBe('no fault');
});

test('what the evaluator refuses is told in a sentence and costs nothing', async () => {
  const attempt = await heldAttempt({ scoreQueries: 1 }, 'refused');
  const client = attempts();
  cluster.evaluator.refuse = () => true;
  const bad = await client.scoreSubmission({ attempt, submissionDigest: await cluster.agent.put('bad') }, deadline);
  cluster.evaluator.refuse = () => false;
  expect(bad).toEqual({ feedback: '', refusal: 'row 3: not a number', remaining: 1 });
  const good = await client.scoreSubmission({ attempt, submissionDigest: await cluster.agent.put('good') }, deadline);
  expect(good).toMatchObject({ refusal: '', remaining: 0 });
  client.close();
});
