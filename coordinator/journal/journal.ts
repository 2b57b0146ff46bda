// The coordinator's book: every event that ever changed its state, in order. State is a fold of it.
//
// Owns: the table of events. Leaves to runs/search-actor.ts what is written and when. Invariants: 1. A batch that `append`
// returned from is on disk, whole. 2. Sequence numbers grow by one without gaps. 3. Rows are never changed or removed.

import { join } from 'node:path';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import type { Digest } from '../../shared/core/ids.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { type Database, openDatabase } from '../../shared/store/sqlite.ts';
import type { StampedEvent } from '../core/event.ts';
import { runOf } from '../core/event.ts';
import { snapshot } from '../core/snapshot.ts';
import type { State } from '../core/state.ts';
import { newState } from '../core/state.ts';
import { step } from '../core/step.ts';
import { readSnapshot, writeSnapshot } from './snapshot-file.ts';

const migrations = [
  `CREATE TABLE event (
     sequence INTEGER PRIMARY KEY,
     run_id TEXT,
     body TEXT NOT NULL
   ) STRICT;
   CREATE INDEX event_of_run ON event (run_id, sequence) WHERE run_id IS NOT NULL;`,
];

export interface Journal {
  /** Writes events in one transaction; they are on disk when it returns. */
  append(events: readonly StampedEvent[]): void;
  /** All events, oldest first. */
  events(): Iterable<StampedEvent>;
  /** The state after all events; folds only those after the newest snapshot that fits. */
  fold(): State;
  /** Place of the event up to which the last fold was spared by a snapshot; 0 where it was not. */
  snapshotAt(): number;
  /** Writes a snapshot of the state after all events. */
  writeSnapshot(): void;
  /** At most `limit` events of a run after a sequence number, oldest first. */
  readRun(runId: string, afterSequence: number, limit: number): StampedEvent[];
  close(): void;
}

/** Opens the journal in the coordinator's state directory. */
export function openJournal(stateDirectory: string): Journal {
  const database = openDatabase({ path: join(stateDirectory, 'journal.db'), migrations });
  const bodyAt = (sequence: number): string | undefined =>
    database.get<{ body: string }>('SELECT body FROM event WHERE sequence = ?', sequence)?.body;
  let snapshotAt = 0;
  return {
    append: (events) =>
      database.transaction(() => {
        for (const event of events) {
          const { sequence } = event;
          const body = JSON.stringify(event);
          database.run(
            'INSERT INTO event (sequence, run_id, body) VALUES (?, ?, ?)',
            sequence,
            runOf(event) ?? null,
            body,
          );
        }
      }),
    events: () => readAll(database),
    fold() {
      const known = readSnapshot(stateDirectory, bodyAt);
      snapshotAt = known?.sequence ?? 0;
      const state = known ?? newState();
      for (const event of readAll(database, snapshotAt)) step(state, event);
      return state;
    },
    snapshotAt: () => snapshotAt,
    writeSnapshot() {
      const state = this.fold();
      const body = bodyAt(state.sequence);
      if (body !== undefined) writeSnapshot(stateDirectory, state, body);
    },
    readRun: (runId, afterSequence, limit) =>
      database
        .all<{ body: string }>(
          'SELECT body FROM event WHERE run_id = ? AND sequence > ? ORDER BY sequence LIMIT ?',
          runId,
          afterSequence,
          limit,
        )
        .map(({ body }) => JSON.parse(body) as StampedEvent),
    close: () => database.close(),
  };
}

/**
 * A look at a journal, which stays as it is: nothing is written, its schema is not brought up to date, and the coordinator may be at work
 * on it. Throws an error whose message says, as the end of a sentence, why there is nothing to be read.
 */
export function viewJournal(stateDirectory: string): Pick<Journal, 'events' | 'close'> {
  const database = openForView(join(stateDirectory, 'journal.db'));
  try {
    checkSchema(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return { events: () => readAll(database), close: () => database.close() };
}

function openForView(path: string): Database {
  try {
    return openDatabase({ path, migrations, readOnly: true });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    throw new Error(cause instanceof Error ? cause.message : String(error), { cause: error });
  }
}

function checkSchema(database: Database): void {
  const table = database.get("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'event'");
  if (table === undefined) throw new Error('it is no journal of a coordinator');
  const version = database.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
  if (version === migrations.length) return;
  throw new Error(
    `it has version ${version} and this program reads ${migrations.length}: its coordinator brings it up to date when it starts`,
  );
}

function* readAll(database: Database, afterSequence = 0): Generator<StampedEvent> {
  const sql = 'SELECT body FROM event WHERE sequence > ? ORDER BY sequence';
  for (const { body } of database.iterate<{ body: string }>(sql, afterSequence)) {
    yield JSON.parse(body) as StampedEvent;
  }
}

/** Equal exactly where two states are: SHA-256 over their canonical JSON. */
export function stateHash(state: State): Digest {
  return sha256(canonicalJson(snapshot(state)));
}
