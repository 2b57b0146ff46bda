// The file that `audit export` writes and `audit verify --file` reads: the whole chain, the public key, and what the
// coordinator says that it used. Whoever has it needs no access to the node; docs/ledger.md has the check in twenty lines.

import { z } from 'zod';
import type { ChainRecord } from '../../shared/store/hash-chain.ts';
import type { RunClaims } from '../core/audit.ts';

const recordSchema = z.strictObject({
  sequence: z.number(),
  previousHash: z.string(),
  body: z.string(),
  hash: z.string(),
  signature: z.string(),
});

const usedSchema = z.strictObject({
  candidateId: z.string(),
  searchScore: z.number(),
  duplicateOf: z.string().optional(),
});

const schema = z.strictObject({
  format: z.literal('doubleblind-ledger-1'),
  publicKeyPem: z.string(),
  run: z.strictObject({
    runId: z.string(),
    candidates: z.array(usedSchema),
    verdict: z.record(z.string(), z.unknown()).optional(),
  }),
  records: z.array(recordSchema),
});

/** A ledger with what a run's coordinator claims. */
export interface LedgerFile {
  readonly publicKeyPem: string;
  readonly run: RunClaims;
  readonly records: readonly ChainRecord[];
}

export function writeLedgerFile({ publicKeyPem, run, records }: LedgerFile): string {
  return `${JSON.stringify({ format: 'doubleblind-ledger-1', publicKeyPem, run, records }, null, 1)}\n`;
}

/** The file's content, or what is wrong with it. */
export function readLedgerFile(text: string): LedgerFile | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `it is not a ledger file: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
}
