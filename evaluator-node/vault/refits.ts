// What the last executions of sealed runs predict, in the vault's database: for the official test rows alone, in their order.

import type { Database } from '../../shared/store/sqlite.ts';
import { doubleBytes } from './doubles.ts';
import { type PredictionRow, type Predictions, predictionsOf } from './runs.ts';

/** Digest of the submission, where one was accepted. */
export function refitDigest(database: Database, runId: string): string | undefined {
  return database.get<{ digest: string }>('SELECT digest FROM refits WHERE run_id = ?', runId)?.digest;
}

/** Its predictions. */
export function refitOf(database: Database, runId: string): Predictions | undefined {
  return predictionsOf(database.get<PredictionRow>('SELECT data, texts FROM refits WHERE run_id = ?', runId));
}

/** Keeps the first submission of a run. */
export function storeRefit(database: Database, runId: string, digest: string, { values, texts }: Predictions): void {
  const sql = 'INSERT INTO refits (run_id, digest, data, texts) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
  database.run(sql, runId, digest, doubleBytes(values), texts === undefined ? null : JSON.stringify(texts));
}
