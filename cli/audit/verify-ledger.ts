// The whole check of a ledger: chain and signatures first, then what the records say.

import { findBrokenRecord, keyFingerprint } from '../../shared/store/hash-chain.ts';
import { type AuditReport, auditRun, plain, type RunClaims } from '../core/audit.ts';
import { isScored } from '../core/history.ts';
import type { Candidate, Run } from '../core/model.ts';
import type { LedgerFile } from './ledger-file.ts';

export interface Verification extends AuditReport {
  readonly ok: boolean;
  /** Records of the whole chain. */
  readonly chainRecords: number;
  /** Hash of its last record. */
  readonly head: string;
  /** SHA-256 of the public key's DER form; empty where it cannot be read. */
  readonly keyFingerprint: string;
}

/** What the auditor knows from elsewhere. */
export interface Expectations {
  readonly publicKeyPem?: string | undefined;
  /** A hash that must be in the chain, such as the head printed in a report. */
  readonly head?: string | undefined;
}

/** Checks everything; a broken chain is the first finding. */
export function verifyLedger(file: LedgerFile, expected: Expectations = {}): Verification {
  const broken = findBrokenRecord(file.records, file.publicKeyPem);
  const report = auditRun(file.records, file.run);
  const findings = [...(broken === undefined ? [] : [broken]), ...report.findings];
  if (expected.publicKeyPem !== undefined && expected.publicKeyPem.trim() !== file.publicKeyPem.trim()) {
    findings.push('the ledger is signed by another key than the one given');
  }
  if (expected.head !== undefined && !file.records.some(({ hash }) => hash === expected.head)) {
    findings.push(`no record has the hash ${expected.head}`);
  }
  return {
    ok: findings.length === 0,
    ...report,
    findings,
    chainRecords: file.records.length,
    head: file.records.at(-1)?.hash ?? '',
    keyFingerprint: fingerprintOf(file.publicKeyPem),
  };
}

function fingerprintOf(publicKeyPem: string): string {
  try {
    return keyFingerprint(publicKeyPem);
  } catch {
    return '';
  }
}

/** What the coordinator says of a run, in the form that the ledger is held against. */
export function claimsOf(run: Run, candidates: readonly Candidate[]): RunClaims {
  const used = candidates
    .filter(isScored)
    .map(({ candidateId, searchScore, duplicateOf }) =>
      duplicateOf === '' ? { candidateId, searchScore } : { candidateId, searchScore, duplicateOf },
    )
    .sort((left, right) => (left.candidateId < right.candidateId ? -1 : 1));
  if (run.verdict === null) return { runId: run.runId, candidates: used };
  const { intervalLow, intervalHigh, searchWinnerId, searchWinnerValidationScore, notes, ...verdict } = run.verdict;
  // Without a winner there is neither interval nor winner by search, and older verdicts had only the interval; the wire then holds zeros.
  // A seal without notes has no such member; the wire has an empty list.
  const shown = {
    ...verdict,
    ...(verdict.winnerId === '' ? {} : { intervalLow, intervalHigh }),
    ...(notes.length === 0 ? {} : { notes }),
    ...(searchWinnerId === '' ? {} : { searchWinnerId, searchWinnerValidationScore }),
  };
  return { runId: run.runId, candidates: used, verdict: plain(shown) as Readonly<Record<string, unknown>> };
}
