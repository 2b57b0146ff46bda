// `audit` against a real evaluator: what it told is held against what a coordinator says that it used.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configSchema } from '../../evaluator-node/config.ts';
import { startEvaluator } from '../../evaluator-node/evaluator.ts';
import { importTask } from '../../evaluator-node/import/import-task.ts';
import { makeCanaryTask } from '../../evaluator-node/testing/canary-task.ts';
import { openVault } from '../../evaluator-node/vault/vault.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { createLocalPki } from '../../shared/pki/authority.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { tlsPathsIn } from '../../shared/rpc/test-peers.ts';
import { readTree } from '../../shared/store/tree.ts';
import { runVerb, type Seen } from '../testing/run-verb.ts';
import { sampleCandidate, sampleRun } from '../testing/sample-run.ts';
import { type StubCoordinator, startStubCoordinator } from '../testing/stub-coordinator.ts';

const directory = mkdtempSync(join(tmpdir(), 'doubleblind-audit-'));
const pki = join(directory, 'pki');
let daemon: Awaited<ReturnType<typeof startEvaluator>>;
let stub: StubCoordinator;

beforeAll(async () => {
  await createLocalPki(pki, 'local');
  const state = join(directory, 'evaluator');
  const task = await makeCanaryTask(mkdtempSync(join(tmpdir(), 'doubleblind-canary-')), 'audit');
  const vault = openVault(state);
  await importTask(vault, task.directory);
  vault.close();
  const config = configSchema.parse({
    ...{ listen: '127.0.0.1:0', stateDirectory: state, metricsPort: 0, logLevel: 'silent', replyTickMs: 0 },
    tls: tlsPathsIn(pki, 'evaluator'),
  });
  daemon = await startEvaluator(config, { log: silentLogger, clock: systemClock });
  stub = await startStubCoordinator({ stateDirectory: directory, data: await search(task.name) });
}, 60_000);

afterAll(async () => {
  await stub.stop();
  await daemon.stop();
});

/** Two candidates evaluated and the run sealed, as a coordinator would; gives what it then shows. */
async function search(task: string) {
  const client = createRpcClient({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address: daemon.address,
    tls: tlsPathsIn(pki, 'coordinator'),
    expectRole: 'evaluator',
  });
  const chunks: Buffer[] = [];
  for await (const { chunk } of client.getBundle({ name: task }, {})) chunks.push(chunk);
  const files = new Map((await readTree(Buffer.concat(chunks))).map((file) => [file.path, file.bytes.toString()]));
  const candidates = [];
  for (const [index, constant] of ['4.5', '5.25'].entries()) {
    const bytes = Buffer.from((files.get('sample_submission.csv') ?? '').replaceAll(',0\n', `,${constant}\n`));
    const candidateId = `c-${index}`;
    const submissionDigest = createHash('sha256').update(bytes).digest('hex');
    const candidate = { runId: 'r-audit', attemptId: candidateId, epoch: 1 };
    const header = { candidate, task, submissionDigest, submissionBytes: bytes.length };
    const { score } = await client.evaluate(
      (async function* () {
        yield { header };
        yield { chunk: bytes };
      })(),
      { deadlineMs: 20_000 },
    );
    const shown = { candidateId, runId: 'r-audit', number: index + 1, searchScore: score?.value ?? Number.NaN };
    candidates.push(sampleCandidate({ ...shown, state: 'scored' }));
  }
  const ids = candidates.map(({ candidateId }) => candidateId);
  const { verdict } = await client.sealRun({ runId: 'r-audit', task, candidateIds: ids }, { deadlineMs: 20_000 });
  client.close();
  if (verdict === null) throw new Error('no verdict');
  const finalists = verdict.finalists.map((each) => ({ ...each, testScore: each.testScore ?? null }));
  const run = sampleRun({ runId: 'r-audit', state: 'sealed', verdict: { ...verdict, finalists } as never });
  return { run, candidates };
}

function audit(...words: string[]): Promise<Seen> {
  return runVerb(['audit', ...words, '--state-dir', directory], {
    env: { DOUBLEBLIND_EVALUATOR: daemon.address, DOUBLEBLIND_COORDINATOR: stub.address },
  });
}

test('a sealed run holds against the ledger of the evaluator that sealed it', async () => {
  const seen = await audit('verify', 'r-audit', '--head', stub.run.verdict?.ledgerHead ?? '');
  expect(seen.stderr).toBe('');
  expect(seen.stdout).toContain('2 scores that the coordinator used are in the ledger');
  expect(seen.stdout).toContain('✓ chain, signatures and contents hold');
  expect(seen.code).toBe(0);
  const { stdout } = await audit('verify', '-o', 'json');
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, findings: [], sealedAt: 3, recipients: ['coordinator/local'] });
});

/** The evaluator's own book with its ledger changed, as somebody with the disk could; gives what an audit then says. */
async function withLedgerChanged(change: string): Promise<Seen> {
  const book = new DatabaseSync(join(directory, 'evaluator', 'vault.sqlite'));
  const records = book.prepare('SELECT * FROM ledger').all() as Record<string, SQLInputValue>[];
  try {
    book.exec(change);
    return await audit('verify', 'r-audit');
  } finally {
    book.exec('DELETE FROM ledger');
    for (const record of records) {
      const names = Object.keys(record);
      const sql = `INSERT INTO ledger (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
      book.prepare(sql).run(...Object.values(record));
    }
    book.close();
  }
}

test.each([
  ['a changed digit', 'UPDATE ledger SET body = replace(body, \'"epoch":1\', \'"epoch":2\') WHERE sequence = 1'],
  ['a removed record', 'DELETE FROM ledger WHERE sequence = 1'],
  [
    'a record in the place of another',
    'UPDATE ledger SET sequence = 99 WHERE sequence = 1; UPDATE ledger SET sequence = 1 WHERE sequence = 2; UPDATE ledger SET sequence = 2 WHERE sequence = 99',
  ],
  ['a cut tail', 'DELETE FROM ledger WHERE sequence >= 3'],
])('%s in the book of the node itself shows', async (_, change) => {
  const seen = await withLedgerChanged(change);
  expect(seen.code).toBe(1);
  expect(seen.stdout).toMatch(/✗ (record \d|no record|the coordinator|the verdict)/);
  expect((await audit('verify', 'r-audit')).code).toBe(0);
});

test('an export is verified without a daemon, and a changed one is not', async () => {
  const path = join(directory, 'run.ledger.json');
  expect((await audit('export', 'r-audit', '-o', path)).stdout).toBe(`${path}\n`);
  const offline = (): Promise<Seen> => runVerb(['audit', 'verify', '--file', path]);
  expect((await offline()).code).toBe(0);
  writeFileSync(path, readFileSync(path, 'utf8').replace('\\"epoch\\":1', '\\"epoch\\":2'));
  const changed = await offline();
  expect(changed.code).toBe(1);
  expect(changed.stdout).toContain('✗ record 1 was changed');
  writeFileSync(path, '{}');
  expect((await offline()).stderr).toContain('cannot be verified');
});

test('an evaluator that does not answer is told with the flag that names it, and the environment names it too', async () => {
  const words = ['audit', 'verify', '--coordinator', stub.address, '--state-dir', directory];
  const away = await runVerb([...words, '--evaluator', '127.0.0.1:1']);
  expect(away.code).toBe(69);
  expect(away.stderr).toContain('evaluator at 127.0.0.1:1 does not answer');
  expect(away.stderr).toContain('--evaluator HOST:PORT');
  expect(away.stderr).not.toContain('--coordinator HOST:PORT');
  const named = await runVerb(words, { env: { DOUBLEBLIND_EVALUATOR: daemon.address } });
  expect(named.stderr).toBe('');
  expect(named.stdout).toContain('in the chain');
});
