// What the last executions of sealed runs predict, in the vault's database: for the official test rows alone, in their order,
// for each candidate whose predictions are handed in. And whom the labels of a task were handed to for them.

import type { Database } from '../../shared/store/sqlite.ts';
import { doubleBytes } from './doubles.ts';
import { type PredictionRow, type Predictions, predictionsOf } from './runs.ts';
import { columnOfTexts } from './text-column.ts';

/** Digest of a candidate's submission, where one was accepted. */
export function refitDigest(database: Database, runId: string, candidateId: string): string | undefined {
  const sql = 'SELECT digest FROM member_refits WHERE run_id = ? AND candidate_id = ?';
  return database.get<{ digest: string }>(sql, runId, candidateId)?.digest;
}

/** The predictions of these candidates' last executions; undefined until all of them are there. */
export function refitsOf(
  database: Database,
  runId: string,
  candidateIds: readonly string[],
): ReadonlyMap<string, Predictions> | undefined {
  const sql = 'SELECT data, texts FROM member_refits WHERE run_id = ? AND candidate_id = ?';
  const found = new Map<string, Predictions>();
  for (const candidateId of candidateIds) {
    const predictions = predictionsOf(database.get<PredictionRow>(sql, runId, candidateId));
    if (predictions === undefined) return;
    found.set(candidateId, predictions);
  }
  return found;
}

/** Keeps the first submission of a candidate. */
export function storeRefit(
  database: Database,
  runId: string,
  candidateId: string,
  digest: string,
  { values, texts }: Predictions,
): void {
  const sql =
    'INSERT INTO member_refits (run_id, candidate_id, digest, data, texts) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING';
  const kept = texts === undefined ? null : columnOfTexts(texts);
  database.run(sql, runId, candidateId, digest, doubleBytes(values), kept);
}

/**
 * What a reader of a verdict must know where the task's labels had left this node for another run's refit before the last
 * score of this one; undefined where they had not. Versions of a task have the same labels, however they are split.
 */
export function exposureNote(database: Database, runId: string): string | undefined {
  const last = database.get<{ sequence: number | null }>(
    'SELECT max(ledger_sequence) AS sequence FROM evaluations WHERE run_id = ?',
    runId,
  );
  const sql = `
    SELECT run_id, json_extract(body, '$.at') AS at FROM ledger
    WHERE sequence < ?2 AND run_id <> ?1 AND body LIKE '%"type":"refitBundleSent"%'
      AND json_extract(body, '$.version') IN (
        SELECT other.version FROM runs JOIN task_versions AS mine ON mine.version = runs.version
        JOIN task_versions AS other ON other.name = mine.name WHERE runs.run_id = ?1)
    ORDER BY sequence LIMIT 1`;
  const first = database.get<{ run_id: string; at: string }>(sql, runId, last?.sequence ?? 0);
  if (first === undefined) return;
  return `all labels of this task had left the evaluator for the refit of ${first.run_id} on ${first.at.slice(0, 10)}, before the last score of this run: whoever keeps that bundle may have known them`;
}
