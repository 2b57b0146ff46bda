import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EvaluateResponse, LedgerRecord } from '../../proto/generated/doubleblind/evaluator/v1.ts';
import { systemClock } from '../../shared/clock.ts';
import { nextNormal, seedRng } from '../../shared/core/rng.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { findBrokenRecord } from '../../shared/store/hash-chain.ts';
import { readTree } from '../../shared/store/tree.ts';
import { configSchema } from '../config.ts';
import { startEvaluator } from '../evaluator.ts';
import { importTask } from '../import/import-task.ts';
import { makeCanaryTask } from '../testing/canary-task.ts';
import { openVault } from '../vault/vault.ts';

type Service = 'doubleblind.evaluator.v1.EvaluatorService';

const task = 'diamonds';
const tasksDirectory = new URL('../../tasks/', import.meta.url).pathname;
let state: string;
let daemon: Awaited<ReturnType<typeof startEvaluator>>;
let client: RpcClient<Service>;

async function start(): Promise<void> {
  const tls = await testTls('evaluator');
  const config = configSchema.parse({
    ...{ listen: '127.0.0.1:0', stateDirectory: state, metricsPort: 0, logLevel: 'silent', tls, replyTickMs: 20 },
  });
  daemon = await startEvaluator(config, { log: silentLogger, clock: systemClock });
  client = createRpcClient<Service>({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address: daemon.address,
    tls: await testTls('coordinator'),
    expectRole: 'evaluator',
  });
}

async function stop(): Promise<void> {
  client.close();
  await daemon.stop();
}

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'doubleblind-evaluator-'));
  const vault = openVault(state);
  for (const name of ['digits', 'diamonds']) await importTask(vault, join(tasksDirectory, name));
  vault.close();
  await start();
}, 60_000);

afterAll(stop);

async function bundle(name = task): Promise<Map<string, string>> {
  const chunks: Buffer[] = [];
  for await (const { chunk } of client.getBundle({ name }, {})) chunks.push(chunk);
  const tar = Buffer.concat(chunks);
  const described = await client.describeTask({ name }, { deadlineMs: 20_000 });
  expect(createHash('sha256').update(tar).digest('hex')).toBe(described.task?.bundleDigest);
  return new Map((await readTree(tar)).map((file) => [file.path, file.bytes.toString()]));
}

/** Prices by a line through the carats of the training rows, the slope changed by `factor`. */
async function submission(factor = 1): Promise<Buffer> {
  const files = await bundle();
  const cells = (file: string): string[][] =>
    (files.get(file) ?? '')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
  const pairs = cells('train.csv').map((row) => [Number(row[1]), Number(row.at(-1))] as const);
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(pairs.map(([x]) => x)), mean(pairs.map(([, y]) => y))];
  const slope = mean(pairs.map(([x, y]) => (x - meanX) * (y - meanY))) / mean(pairs.map(([x]) => (x - meanX) ** 2));
  const lines = cells('test.csv').map((row) => `${row[0]},${meanY + factor * slope * (Number(row[1]) - meanX)}`);
  return Buffer.from(`id,price\n${lines.join('\n')}\n`);
}

interface Attempt {
  run?: string;
  candidate?: string;
  epoch?: number;
  task?: string;
  digest?: string;
}

async function evaluate(bytes: Buffer, attempt: Attempt = {}): Promise<EvaluateResponse> {
  const digest = attempt.digest ?? createHash('sha256').update(bytes).digest('hex');
  async function* parts() {
    const candidate = {
      runId: attempt.run ?? 'run-1',
      attemptId: attempt.candidate ?? 'a-1',
      epoch: attempt.epoch ?? 1,
    };
    yield {
      header: { candidate, task: attempt.task ?? task, submissionDigest: digest, submissionBytes: bytes.length },
    };
    for (let at = 0; at < bytes.length; at += 10_000) yield { chunk: bytes.subarray(at, at + 10_000) };
  }
  return client.evaluate(parts(), { deadlineMs: 20_000 });
}

async function fault(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no fault',
    (error: unknown) => (error instanceof RpcFault ? `${error.code}/${error.reason}` : String(error)),
  );
}

test('tasks are listed in pages, by name', async () => {
  const first = await client.listTasks({ pageSize: 1, pageToken: '' }, { deadlineMs: 20_000 });
  expect(first.tasks.map((each) => each.name)).toEqual(['diamonds']);
  const second = await client.listTasks({ pageSize: 1, pageToken: first.nextPageToken }, { deadlineMs: 20_000 });
  expect(second.tasks.map((each) => each.name)).toEqual(['digits']);
  expect(second.nextPageToken).toBe('');
  expect(second.tasks[0]).toMatchObject({
    metric: 'log-loss',
    lowerIsBetter: true,
    splitStrategy: 'stratified',
    trainRows: 1222,
  });
  expect(await fault(client.listTasks({ pageSize: 2, pageToken: 'eHg' }, { deadlineMs: 20_000 }))).toBe(
    'invalidArgument/invalidArgument',
  );
  expect(await fault(client.describeTask({ name: 'nothing' }, { deadlineMs: 20_000 }))).toBe('notFound/taskUnknown');
});

test('a submission gets its search score, and the same file the same answer', async () => {
  const bytes = await submission();
  const first = await evaluate(bytes);
  expect(first).toMatchObject({ result: 'score', cached: false });
  expect(first.score?.value).toBeGreaterThan(1000);
  expect(first.score?.value).toBeLessThan(2200);
  expect(first.score?.feedback).toMatch(/^\d+ ± \d+$/);
  const again = await evaluate(bytes);
  expect(again).toEqual({ ...first, cached: true });
  expect(await evaluate(bytes, { epoch: 5 })).toEqual({ ...first, cached: true });
});

test('equal predictions in another file cost no new score', async () => {
  const bytes = await submission();
  const [header = '', ...lines] = bytes.toString().trimEnd().split('\n');
  const reordered = Buffer.from(`${[header, ...lines.reverse()].join('\r\n')}\r\n`);
  const first = await evaluate(bytes, { candidate: 'a-same-1' });
  const second = await evaluate(reordered, { candidate: 'a-same-2' });
  expect(second.cached).toBe(true);
  expect(second.score).toEqual(first.score);
});

test('an older epoch and a second file in the same epoch are refused', async () => {
  const [one, other] = [await submission(1.01), await submission(1.02)];
  await evaluate(one, { candidate: 'a-epochs', epoch: 7 });
  expect(await fault(evaluate(one, { candidate: 'a-epochs', epoch: 6 }))).toBe('failedPrecondition/staleEpoch');
  expect(await fault(evaluate(other, { candidate: 'a-epochs', epoch: 7 }))).toBe(
    'failedPrecondition/candidateConflict',
  );
  expect((await evaluate(other, { candidate: 'a-epochs', epoch: 8 })).result).toBe('score');
});

test('a refused submission is an answer with kind and line, recorded like a score', async () => {
  const bytes = Buffer.from('id,price\nnobody,1\n');
  const refused = await evaluate(bytes, { candidate: 'a-bad' });
  expect(refused.refusal).toMatchObject({ error: 'SUBMISSION_ERROR_UNKNOWN_ID', line: 2 });
  expect(await evaluate(bytes, { candidate: 'a-bad' })).toEqual({ ...refused, cached: true });
});

test('bytes that are not those announced are refused and may be sent again', async () => {
  const bytes = await submission(0.9);
  const digest = createHash('sha256').update('else').digest('hex');
  const mismatch = await evaluate(bytes, { candidate: 'a-cut', digest });
  expect(mismatch.refusal?.error).toBe('SUBMISSION_ERROR_DIGEST_MISMATCH');
  expect((await evaluate(bytes, { candidate: 'a-cut' })).result).toBe('score');
});

test('a file larger than the task can need is refused', async () => {
  const refused = await evaluate(Buffer.alloc(2_000_000, 'x'), { candidate: 'a-large' });
  expect(refused.refusal?.error).toBe('SUBMISSION_ERROR_TOO_LARGE');
});

test('headers that make no sense are refused', async () => {
  const bytes = await submission();
  expect(await fault(evaluate(bytes, { run: '../x' }))).toBe('invalidArgument/badHeader');
  expect(await fault(evaluate(bytes, { task: 'nothing', run: 'run-9' }))).toBe('notFound/taskUnknown');
  expect(await fault(evaluate(bytes, { task: 'digits' }))).toBe('failedPrecondition/otherTask');
});

test('a run is sealed once: winner, interval and baseline come out, and nothing is evaluated afterwards', async () => {
  const run = 'run-seal';
  const factors = [0.5, 1, 0.8];
  for (const factor of factors) await evaluate(await submission(factor), { run, candidate: `c-${factor * 10}` });
  const request = { runId: run, task, candidateIds: ['c-10', 'c-8', 'c-5'] };
  const { verdict } = await client.sealRun(request, { deadlineMs: 20_000 });
  expect(verdict).toMatchObject({
    winnerId: 'c-10',
    metric: 'rmse',
    lowerIsBetter: true,
    validationRows: 616,
    baselineName: 'mean',
    hasFinalSubmission: true,
  });
  expect(verdict?.finalists.map((finalist) => finalist.candidateId)).toEqual(['c-10', 'c-8', 'c-5']);
  const [best] = verdict?.finalists ?? [];
  expect(best?.validationScore).toBeGreaterThan(verdict?.intervalLow ?? Number.NaN);
  expect(best?.validationScore).toBeLessThan(verdict?.intervalHigh ?? Number.NaN);
  expect(best?.probabilityBest).toBeGreaterThan(0.9);
  expect(best?.testScore).toBeGreaterThan(1000);
  expect(verdict?.baselineValidationScore).toBeGreaterThan(3000);
  expect(verdict?.baselineSearchScore).toBeGreaterThan(3000);
  expect(await client.sealRun({ ...request, candidateIds: ['c-5'] }, { deadlineMs: 20_000 })).toEqual({ verdict });
  expect(await fault(evaluate(await submission(0.7), { run, candidate: 'c-7' }))).toBe('failedPrecondition/runSealed');
});

async function finalRows(runId: string): Promise<string[][]> {
  const chunks: Buffer[] = [];
  for await (const { chunk } of client.getFinalSubmission({ runId }, {})) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
  return lines.map((line) => line.split(','));
}

/** The same prices with an error of its own in every row. */
function noisy(bytes: Buffer, seed: string, size: number): Buffer {
  const rng = seedRng(seed);
  const [header = '', ...lines] = bytes.toString().trimEnd().split('\n');
  const rows = lines.map((line) => {
    const [id, price] = line.split(',');
    return `${id},${Number(price) + size * nextNormal(rng)}`;
  });
  return Buffer.from(`${[header, ...rows].join('\n')}\n`);
}

test('an ensemble that is clearly better is handed in, and the verdict says what the search score alone would have taken', async () => {
  const run = 'run-ensemble';
  const base = await submission();
  const files = ['one', 'two', 'three'].map((seed) => noisy(base, seed, 2000));
  const scored: { id: string; search: number }[] = [];
  for (const [index, bytes] of files.entries()) {
    const { score } = await evaluate(bytes, { run, candidate: `e-${index}` });
    scored.push({ id: `e-${index}`, search: score?.value ?? Number.NaN });
  }
  const ids = scored.sort((left, right) => left.search - right.search).map(({ id }) => id);
  const { verdict } = await client.sealRun({ runId: run, task, candidateIds: ids }, { deadlineMs: 20_000 });
  expect(verdict?.ensemble).toMatchObject({ selected: true, rule: 'mean of the predictions' });
  const weights = new Map(verdict?.ensemble?.members.map(({ candidateId, weight }) => [candidateId, weight]));
  expect([...weights.values()].reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
  expect(verdict?.searchWinnerId).toBe(ids[0]);
  const [best] = verdict?.finalists ?? [];
  expect(verdict?.finalScore).toBeLessThan(best?.validationScore ?? 0);
  expect(verdict?.finalScore).toBeGreaterThan(verdict?.intervalLow ?? Number.NaN);
  // Every member alone has the test score that it has; the handed-in file has the ensemble's.
  expect(verdict?.ensemble?.testScore).toBeLessThan(best?.testScore ?? 0);
  const [, ...ensembleRows] = await finalRows(run);
  const alone: string[][][] = [];
  for (const [index, bytes] of files.entries()) {
    const single = `run-alone-${index}`;
    await evaluate(bytes, { run: single, candidate: `e-${index}` });
    await client.sealRun({ runId: single, task, candidateIds: [`e-${index}`] }, { deadlineMs: 20_000 });
    alone.push((await finalRows(single)).slice(1));
  }
  for (const [row, [id, price]] of ensembleRows.slice(0, 20).entries()) {
    const mean = alone.reduce((sum, rows, index) => sum + (weights.get(`e-${index}`) ?? 0) * Number(rows[row]?.[1]), 0);
    expect(id).toBe(alone[0]?.[row]?.[0]);
    expect(Number(price)).toBeCloseTo(mean, 6);
  }
});

test('the final submission has the official ids in the official order', async () => {
  const [header, ...rows] = await finalRows('run-seal');
  expect(header).toEqual(['id', 'price']);
  expect(rows.map(([id]) => id)).toEqual(Array.from({ length: 840 }, (_, row) => String(row + 1)));
});

test('a run without candidates is sealed without a winner; unscored candidates and open runs are preconditions', async () => {
  const { verdict } = await client.sealRun({ runId: 'run-empty', task, candidateIds: [] }, { deadlineMs: 20_000 });
  expect(verdict).toMatchObject({ winnerId: '', finalists: [], hasFinalSubmission: false, baselineName: 'mean' });
  const seal = (runId: string, candidateIds: string[]): Promise<unknown> =>
    client.sealRun({ runId, task, candidateIds }, { deadlineMs: 20_000 });
  expect(await fault(seal('run-1', ['nobody']))).toBe('failedPrecondition/candidateUnscored');
  expect(await fault(seal('run-1', ['a-bad']))).toBe('failedPrecondition/candidateUnscored');
  const submissionOf = async (runId: string): Promise<void> => {
    for await (const _ of client.getFinalSubmission({ runId }, {})) break;
  };
  expect(await fault(submissionOf('run-1'))).toBe('failedPrecondition/runNotSealed');
  expect(await fault(submissionOf('run-empty'))).toBe('failedPrecondition/noFinalSubmission');
  expect(await fault(submissionOf('run-nowhere'))).toBe('notFound/runUnknown');
});

async function wholeLedger(runId = ''): Promise<{ records: LedgerRecord[]; publicKeyPem: string }> {
  const records: LedgerRecord[] = [];
  for (let pageToken = ''; ; ) {
    const page = await client.listLedger({ runId, pageSize: 7, pageToken }, { deadlineMs: 20_000 });
    records.push(...page.records);
    pageToken = page.nextPageToken;
    if (pageToken === '') return { records, publicKeyPem: page.publicKeyPem };
  }
}

test('the ledger proves what left the node: every score, the seal, and no validation score before it', async () => {
  const { records, publicKeyPem } = await wholeLedger();
  const chain = records.map(({ bodyJson, ...record }) => ({ ...record, body: bodyJson }));
  expect(findBrokenRecord(chain, publicKeyPem)).toBeUndefined();
  const changed = chain.map((record, index) =>
    index === 3 ? { ...record, body: record.body.replace('run', 'rum') } : record,
  );
  expect(findBrokenRecord(changed, publicKeyPem)).toBe('record 4 was changed');
  expect(findBrokenRecord([...chain.slice(0, 2), ...chain.slice(3)], publicKeyPem)).toMatch(/record 3 is missing/);
  const [first, second, ...rest] = chain;
  if (first === undefined || second === undefined) throw new Error('the ledger is empty');
  expect(findBrokenRecord([second, first, ...rest], publicKeyPem)).toMatch(/out of order/);

  const sealed = await wholeLedger('run-seal');
  const bodies = sealed.records.map((record) => JSON.parse(record.bodyJson) as Record<string, unknown>);
  expect(bodies.map((body) => body['type'])).toEqual([
    ...['evaluated', 'evaluated', 'evaluated', 'runSealed'],
    ...['verdictRepeated', 'finalSubmissionSent'],
  ]);
  expect(bodies.slice(0, 3).some((body) => JSON.stringify(body).includes('validation'))).toBe(false);
  expect(bodies[0]).toMatchObject({ to: expect.stringMatching(/^coordinator\//), candidateId: 'c-5' });
});

test('answers survive a restart', async () => {
  const bytes = await submission();
  const before = await evaluate(bytes, { candidate: 'a-restart' });
  await stop();
  await start();
  expect(await evaluate(bytes, { candidate: 'a-restart' })).toEqual({ ...before, cached: true });
});

test('a run that began on an old version of a task ends on it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-canary-'));
  const canary = await makeCanaryTask(directory, 'versions');
  const importAgain = async (): Promise<string> => {
    const vault = openVault(state);
    const { task: imported } = await importTask(vault, directory);
    vault.close();
    return imported.version;
  };
  const oldVersion = await importAgain();
  const old = (await bundle(canary.name)).get('sample_submission.csv')?.replaceAll(',0\n', ',4.5\n') ?? '';
  const first = await evaluate(Buffer.from(old), { run: 'run-old', task: canary.name });
  await writeFile(join(directory, 'description.md'), '# Changed\n');
  expect(await importAgain()).not.toBe(oldVersion);
  const other = old.replace(',4.5\n', ',4.6\n');
  expect((await evaluate(Buffer.from(other), { run: 'run-old', candidate: 'a-2', task: canary.name })).result).toBe(
    'score',
  );
  expect(first.result).toBe('score');
  expect((await evaluate(Buffer.from(old), { run: 'run-new', task: canary.name })).refusal?.error).toBe(
    'SUBMISSION_ERROR_UNKNOWN_ID',
  );
  expect((await evaluate(Buffer.from(old), { run: 'run-pinned', task: `${canary.name}@${oldVersion}` })).result).toBe(
    'score',
  );
});

test('a perfect score is quarantined and never wins', async () => {
  const vault = openVault(state);
  const found = vault.findTask('digits');
  if (found === undefined) throw new Error('no task');
  const { ids, truth } = vault.hiddenRows(found.version);
  vault.close();
  const columns = Array.from({ length: 10 }, (_, digit) => String(digit));
  const file = (right: string, wrong: string): Buffer =>
    Buffer.from(
      `id,${columns.join(',')}\n${ids.map((id, row) => `${id},${columns.map((_, digit) => (digit === truth[row] ? right : wrong)).join(',')}\n`).join('')}`,
    );
  const perfect = await evaluate(file('1', '0'), { run: 'run-perfect', task: 'digits' });
  expect(perfect.score).toMatchObject({ quarantined: true, quarantineReason: expect.stringMatching(/perfect/) });
  const honest = await evaluate(file('0.28', '0.08'), { run: 'run-perfect', candidate: 'honest', task: 'digits' });
  expect(honest.score?.quarantined).toBe(false);
  const sealed = await client.sealRun(
    { runId: 'run-perfect', task: 'digits', candidateIds: ['a-1', 'honest'] },
    { deadlineMs: 20_000 },
  );
  expect(sealed.verdict?.winnerId).toBe('honest');
  expect(sealed.verdict?.finalists[0]).toMatchObject({ candidateId: 'a-1', probabilityBest: 0 });
});

test('answers leave on a tick', async () => {
  const bytes = await submission();
  const started = performance.now();
  await evaluate(bytes, { candidate: 'a-tick' });
  expect(performance.now() - started).toBeGreaterThanOrEqual(19);
});
