// The ledger: what left this node, when and to whom. Hash-chained and signed, so that a removed, reordered or changed
// record shows.
// How records are hashed and signed is in shared/store/hash-chain.ts. Appending happens inside the caller's transaction,
// together with what it tells of.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { type ChainRecord, genesisHash, recordHash } from '../../shared/store/hash-chain.ts';
import type { Database } from '../../shared/store/sqlite.ts';

export interface Ledger {
  readonly publicKeyPem: string;
  /** Appends a record about a run and returns its sequence number. */
  append(runId: string, body: Record<string, unknown>): ChainRecord;
  /** Records after a sequence number, oldest first; of one run where it is not empty. */
  list(runId: string, afterSequence: number, limit: number): ChainRecord[];
}

interface LedgerRow {
  sequence: number;
  previous_hash: string;
  body: string;
  hash: string;
  signature: string;
}

/** The ledger in that database; the signing key is made at the first start. */
export function openLedger(database: Database, stateDirectory: string): Ledger {
  const privateKey = loadKey(join(stateDirectory, 'ledger.key'));
  const publicKeyPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return {
    publicKeyPem,
    append: (runId, body) => database.transaction(() => append(database, privateKey, runId, canonicalJson(body))),
    list(runId, afterSequence, limit) {
      const sql = "SELECT * FROM ledger WHERE sequence > ? AND (? = '' OR run_id = ?) ORDER BY sequence LIMIT ?";
      return database.all<LedgerRow>(sql, afterSequence, runId, runId, limit).map(fromRow);
    },
  };
}

function fromRow(row: LedgerRow): ChainRecord {
  const { sequence, body, hash, signature } = row;
  return { sequence, previousHash: row.previous_hash, body, hash, signature };
}

function append(database: Database, privateKey: KeyObject, runId: string, body: string): ChainRecord {
  const last = database.get<LedgerRow>('SELECT * FROM ledger ORDER BY sequence DESC LIMIT 1');
  const sequence = (last?.sequence ?? 0) + 1;
  const previousHash = last?.hash ?? genesisHash;
  const hash = recordHash(previousHash, body);
  const signature = sign(null, Buffer.from(hash), privateKey).toString('base64');
  const sql = 'INSERT INTO ledger (sequence, run_id, previous_hash, body, hash, signature) VALUES (?, ?, ?, ?, ?, ?)';
  database.run(sql, sequence, runId, previousHash, body, hash, signature);
  return { sequence, previousHash, body, hash, signature };
}

function loadKey(path: string): KeyObject {
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    const temporary = `${path}.partial`;
    const file = openSync(temporary, 'w', 0o600);
    writeSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, path);
  }
  return createPrivateKey(readFileSync(path));
}
