// The audit against ledgers that hold and ledgers that were tampered with, in every way that a file can be.

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { nextInt, seedRng } from '../../shared/core/rng.ts';
import { type ChainRecord, genesisHash, recordHash } from '../../shared/store/hash-chain.ts';
import { type LedgerFile, readLedgerFile, writeLedgerFile } from './ledger-file.ts';
import { verifyLedger } from './verify-ledger.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

type Body = Record<string, unknown>;

function chain(bodies: readonly Body[]): ChainRecord[] {
  let previousHash = genesisHash;
  return bodies.map((each, index) => {
    const body = canonicalJson(each);
    const hash = recordHash(previousHash, body);
    const signature = sign(null, Buffer.from(hash), privateKey).toString('base64');
    const record = { sequence: index + 1, previousHash, body, hash, signature };
    previousHash = hash;
    return record;
  });
}

const common = { at: '2026-03-01T09:00:00.000Z', to: 'coordinator/local', version: 'v1' };

function answer(runId: string, candidateId: string, score: number, more: Body = {}): Body {
  const told = { score, standardError: 0.0123456, feedback: '0.41 ± 0.01', quarantined: false };
  return { ...common, type: 'evaluated', runId, candidateId, epoch: 1, task: 't', cached: false, ...told, ...more };
}

const sealBody: Body = {
  ...common,
  type: 'runSealed',
  runId: 'r-1',
  winnerId: 'a-2',
  intervalLow: 0.3812345,
  intervalHigh: 0.4412345,
  finalists: [
    { candidateId: 'a-2', searchScore: 0.40123, validationScore: 0.4134567, testScore: 0.4257891 },
    { candidateId: 'a-1', searchScore: 0.39877, validationScore: 0.4298765 },
  ],
};

const honest: readonly Body[] = [
  answer('r-1', 'a-1', 0.39877),
  answer('r-other', 'b-1', 0.7),
  {
    ...common,
    type: 'evaluated',
    runId: 'r-1',
    candidateId: 'a-0',
    epoch: 1,
    cached: false,
    refusal: 'empty',
    line: 0,
  },
  answer('r-1', 'a-2', 0.40123),
  sealBody,
  { ...common, type: 'finalSubmissionSent', runId: 'r-1' },
];

function ledger(bodies: readonly Body[] = honest, change: Partial<LedgerFile['run']> = {}): LedgerFile {
  const records = chain(bodies);
  const seal = records.find(({ body }) => body.includes('"type":"runSealed"') && body.includes('"r-1"'));
  const { winnerId, intervalLow, intervalHigh, finalists } = sealBody;
  const verdict = { winnerId, intervalLow, intervalHigh, finalists, ledgerHead: seal?.hash ?? '' };
  const candidates = [
    { candidateId: 'a-1', searchScore: 0.39877 },
    { candidateId: 'a-2', searchScore: 0.40123 },
  ];
  return { publicKeyPem, records, run: { runId: 'r-1', candidates, verdict, ...change } };
}

function findings(file: LedgerFile): string {
  return verifyLedger(file).findings.join('\n');
}

test('an honest ledger holds, sealed or not', () => {
  expect(verifyLedger(ledger())).toMatchObject({
    ...{ ok: true, findings: [], records: 5, chainRecords: 6, scores: 2, refusals: 1, matched: 2, sealedAt: 5 },
    recipients: ['coordinator/local'],
  });
  expect(verifyLedger(ledger(honest.slice(0, 4), { verdict: undefined }))).toMatchObject({ ok: true });
});

test('one flipped bit shows, wherever it is in the file', () => {
  const text = writeLedgerFile(ledger());
  const original: unknown = JSON.parse(text);
  const bytes = Buffer.from(text);
  const rng = seedRng('flips');
  const missed: number[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const bit = 1 << nextInt(rng, 8);
    bytes[at] = (bytes[at] ?? 0) ^ bit;
    const flipped = bytes.toString('utf8');
    const read = readLedgerFile(flipped);
    // A flip that JSON does not care about (the case of an exponent's e) leaves the same file.
    if (typeof read !== 'string' && verifyLedger(read).ok && !isDeepStrictEqual(JSON.parse(flipped), original))
      missed.push(at);
    bytes[at] = (bytes[at] ?? 0) ^ bit;
  }
  expect(missed).toEqual([]);
});

test('a removed, a reordered and an added record show', () => {
  const whole = ledger();
  whole.records.forEach((_, index) => {
    const without = whole.records.filter((_, each) => each !== index);
    // Without the last record the chain still holds: only a head shows that.
    const head = whole.records.at(-1)?.hash;
    expect(verifyLedger({ ...whole, records: without }, { head }).ok).toBe(false);
    const renumbered = without.map((record, each) => ({ ...record, sequence: each + 1 }));
    expect(verifyLedger({ ...whole, records: renumbered }, { head }).ok).toBe(false);
    const swapped = [...whole.records];
    const next = (index + 1) % swapped.length;
    [swapped[index], swapped[next]] = [swapped[next] as ChainRecord, swapped[index] as ChainRecord];
    expect(verifyLedger({ ...whole, records: swapped }).ok).toBe(false);
    expect(verifyLedger({ ...whole, records: swapped.map((each, at) => ({ ...each, sequence: at + 1 })) }).ok).toBe(
      false,
    );
  });
  const forged = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  expect(findings({ ...whole, publicKeyPem: forged })).toContain('record 1 is not signed by this key');
  expect(verifyLedger(whole, { publicKeyPem: forged }).findings).toEqual([
    'the ledger is signed by another key than the one given',
  ]);
});

test('a tail that was cut off shows: by the verdict where the seal is gone, and by a head where only later records are', () => {
  const whole = ledger();
  const head = whole.records.at(-1)?.hash;
  for (let kept = 0; kept < whole.records.length; kept += 1) {
    const cut = { ...whole, records: whole.records.slice(0, kept) };
    expect(verifyLedger(cut, { head }).findings).toContain(`no record has the hash ${head}`);
    // The seal is record 5, and the verdict names it.
    expect(verifyLedger(cut).ok).toBe(kept === 5);
  }
});

test('what an attempt was told on its way is not taken for the score of its candidate', () => {
  const [first, ...others] = honest;
  const told = 'the coordinator used the search score 0.39877 of a-1, which no record holds';
  const sealed = 'no answer gave the search score that the seal says of a-1';
  const onItsWay = { ...first, exploratory: true };
  expect(verifyLedger(ledger([onItsWay, ...others]))).toMatchObject({
    findings: [sealed, told],
    scores: 2,
    matched: 1,
  });
  // The same file handed in at last is answered again, from what is known.
  const handedIn = { ...first, cached: true };
  const both = verifyLedger(ledger([onItsWay, handedIn, ...others].filter((body) => body !== undefined)));
  expect(both).toMatchObject({ ok: true, matched: 2 });
});

test('a score that the coordinator used and the ledger does not hold shows', () => {
  const candidates = [{ candidateId: 'a-1', searchScore: 0.39876 }];
  expect(findings(ledger(honest, { candidates }))).toContain(
    'used the search score 0.39876 of a-1, which no record holds',
  );
  expect(findings(ledger(honest, { candidates: [{ candidateId: 'b-1', searchScore: 0.7 }] }))).toContain('of b-1');
});

test('a validation or test score that left before the seal shows, by kind and by content', () => {
  const early = (body: Body): string => findings(ledger([body, ...honest]));
  expect(early(answer('r-1', 'a-9', 0.5, { validationScore: 0.5 }))).toContain('record 1 holds validationScore');
  expect(early({ ...common, type: 'hint', runId: 'r-1' })).toContain('of the kind hint');
  expect(early({ ...common, type: 'finalSubmissionSent', runId: 'r-1' })).toContain('stands before the seal');
  expect(early(answer('r-1', 'a-9', 0.5, { feedback: 'about 0.4298765' }))).toContain('0.4298765 in feedback');
  expect(early(answer('r-other', 'b-9', 0.5, { standardError: 0.4257891 }))).toContain('0.4257891 in standardError');
  const swapped = honest.map((body) => (body['candidateId'] === 'a-2' ? { ...body, score: 0.4134567 } : body));
  expect(findings(ledger(swapped))).toContain('no answer gave the search score that the seal says of a-2');
  expect(early(answer('r-1', 'a-9', 0.5, { to: 'gpu-agent/local' }))).toContain('went to gpu-agent/local');
});

test('labels of a refit leave after the seal, and notes may follow those of the seal but not change them', () => {
  const sent = { ...common, type: 'refitBundleSent', runId: 'r-1' };
  expect(findings(ledger([...honest, sent]))).toBe('');
  expect(findings(ledger([sent, ...honest]))).toContain('stands before the seal');
  const noted = (seal: string[], shown: string[]): string => {
    const made = ledger(honest.map((body) => (body === sealBody ? { ...sealBody, notes: seal } : body)));
    const run = { ...made.run, verdict: { ...made.run.verdict, notes: shown } } as typeof made.run;
    return findings({ ...made, run });
  };
  expect([noted([], ['refitted']), noted(['a'], ['a', 'refitted'])]).toEqual(['', '']);
  expect(noted(['a'], ['b'])).toContain('shows other notes than the seal');
});

test('a second seal, an answer after the seal and another verdict show', () => {
  expect(findings(ledger([...honest, sealBody]))).toContain('seals the run a second time');
  expect(findings(ledger([...honest, answer('r-1', 'a-3', 0.3)]))).toContain('after the run was sealed');
  expect(findings(ledger(honest.slice(0, 4)))).toContain('no record seals the run');
  const verdict = { ...ledger().run.verdict, winnerId: 'a-1' };
  expect(findings(ledger(honest, { verdict }))).toBe('the coordinator shows another winnerId than the seal');
});

test('claims that leave out what the ledger has show', () => {
  const { winnerId: _winner, finalists: _finalists, ...rest } = ledger().run.verdict ?? {};
  expect(findings(ledger(honest, { verdict: rest }))).toContain('lacks its winner or its finalists');
  expect(findings(ledger(honest, { verdict: undefined }))).toContain('a record seals the run, and no verdict is shown');
  expect(findings(ledger(honest, { candidates: [] }))).toContain('the finalist a-2 is not among the scores');
  const nobody = { runId: 'r-9', candidates: [], verdict: undefined };
  expect(findings(ledger(honest, nobody))).toContain('no record of the ledger is of a run r-9');
  // One that a coordinator has was killed before its first score, or has only begun.
  expect(findings(ledger(honest, { ...nobody, isLive: true }))).toBe('');
});

test('a repeat has the score of the other without an answer of its own, and is no finalist', () => {
  const [first, second] = ledger().run.candidates;
  const repeat = { candidateId: 'a-3', searchScore: 0.39877, duplicateOf: 'a-1' };
  const claim = (...candidates: LedgerFile['run']['candidates']) =>
    ledger(honest, { candidates: [first, second, ...candidates].filter((one) => one !== undefined) });
  expect(verifyLedger(claim(repeat))).toMatchObject({ ok: true, matched: 3 });
  expect(readLedgerFile(writeLedgerFile(claim(repeat)))).toMatchObject({ run: claim(repeat).run });
  expect(findings(claim({ ...repeat, searchScore: 0.3 }))).toContain(
    'used the search score 0.3 of a-3, which no record',
  );
  const finalist = { candidateId: 'a-2', searchScore: 0.40123, duplicateOf: 'a-1' };
  expect(findings(ledger(honest, { candidates: [{ candidateId: 'a-1', searchScore: 0.39877 }, finalist] }))).toContain(
    'the finalist a-2 is not among the scores',
  );
});

test('twenty lines of plain Node check an export, as docs/ledger.md says', () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-ledger-'));
  const page = readFileSync(join(import.meta.dirname, '../../docs/ledger.md'), 'utf8');
  const program = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  expect(program.trim().split('\n').length).toBeLessThanOrEqual(25);
  writeFileSync(join(directory, 'verify.mjs'), program);
  const run = (file: LedgerFile): string => {
    writeFileSync(join(directory, 'run.json'), writeLedgerFile(file));
    try {
      return execFileSync(process.execPath, ['verify.mjs', 'run.json'], { cwd: directory, encoding: 'utf8' });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  expect(run(ledger())).toMatch(/^holds: 6 records.*sealed by record 5/);
  const changed = ledger().records.map((record, at) => (at === 2 ? { ...record, body: `${record.body} ` } : record));
  expect(run({ ...ledger(), records: changed })).toContain('BROKEN: record 3 was changed');
  expect(run(ledger([answer('r-1', 'a-9', 0.5, { testScore: 0.5 }), ...honest]))).toContain('record 1 told too much');
  expect(run(ledger(honest.slice(1)))).toContain('a-1 was never told');
  const repeat = { candidateId: 'a-3', searchScore: 0.39877, duplicateOf: 'a-1' };
  expect(run(ledger(honest, { candidates: [repeat] }))).toMatch(/^holds/);
  const verdict = { ...ledger().run.verdict, finalScore: 0.99 };
  expect(run(ledger(honest, { verdict }))).toContain('BROKEN: the verdict shows another finalScore than the seal');
});
