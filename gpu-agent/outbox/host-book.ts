// The book of one host: attempts, their transcripts and the outbox in one SQLite file.
//
// Owns: what of this host survives a crash.
// Leaves to core/react.ts: what a transcript means; to outbox.ts: getting events out.
// Invariants:
// 1. What is written is with the system before anybody acts on it, and on disk after `flush`, which the outbox asks for before an event
//    leaves the host (docs/decisions/0007).
// 2. The end of an attempt and its event in the outbox are one transaction: an ended attempt is always reported.
// 3. A sequence number is never used twice, also after the event has left (AUTOINCREMENT).
// 4. The file holds gateway tokens, which are secrets: mode 0600 in a directory of mode 0700.

import { type ResultEvent, resultEventSchema } from '../../shared/bus/messages.ts';
import { type Database, openDatabase } from '../../shared/store/sqlite.ts';
import type { AttemptOrder } from '../attempt-order.ts';
import type { TrajectoryEvent } from '../core/trajectory-event.ts';

const migrations = [
  `CREATE TABLE attempts (
     attempt_id TEXT PRIMARY KEY,
     epoch INTEGER NOT NULL,
     order_json TEXT NOT NULL,
     ended INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE transcript_entries (
     attempt_id TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     entry INTEGER NOT NULL,
     json TEXT NOT NULL,
     PRIMARY KEY (attempt_id, epoch, entry)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE outbox (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     json TEXT NOT NULL
   ) STRICT;`,
];

/** Ended attempts whose transcripts stay readable here; older ones are in the artifact store only. */
const keptEndedAttempts = 200;
/** Events of the outbox that are held in memory, of the oldest. */
const heldEvents = 1000;

/** Result events before they have a number. */
export type Unnumbered = ResultEvent extends infer Event
  ? Event extends ResultEvent
    ? Omit<Event, 'seq'>
    : never
  : never;

interface BookedOrder {
  readonly order: AttemptOrder;
  readonly ended: boolean;
}

export interface HostBook {
  /** Records a new attempt, or a newer epoch of one, with its first entry and, where it is to be told, its event. */
  open(order: AttemptOrder, first: TrajectoryEvent, started: Unnumbered | undefined, at: Date): void;
  append(order: AttemptOrder, entry: TrajectoryEvent, at: Date): void;
  /** Last entry, end of the attempt and event in one transaction; the attempts that ended first are forgotten for it. */
  end(order: AttemptOrder, entry: TrajectoryEvent, ended: Unnumbered, at: Date): void;
  /** The highest epoch under which the attempt was recorded; undefined where it is not known, or no longer. */
  epochOf(attemptId: string): number | undefined;
  attempt(attemptId: string): BookedOrder | undefined;
  attempts(): BookedOrder[];
  /** JSON of the entries of the newest epoch, from an entry on. */
  entries(attemptId: string, from: number): { entry: number; json: string }[];
  transcript(order: AttemptOrder): TrajectoryEvent[];
  /** What waits for its receipt, oldest first. */
  pendingEvents(limit: number): ResultEvent[];
  pendingCount(): number;
  isPending(seq: number): boolean;
  /** Resolves when all that was written until now is on the disk. */
  flush(): Promise<void>;
  /** Whether the attempt's end under this epoch still waits for its receipt. */
  awaitsReceipt(attemptId: string, epoch: number): boolean;
  confirm(sequences: readonly number[]): number;
  close(): void;
}

export function openHostBook(path: string): HostBook {
  const database = openDatabase({ path, migrations });
  // Every round of the outbox looks at all that waits: the oldest of it are held here, so that it need not be read from the file.
  const waiting = new Map<number, ResultEvent>();
  // Every heartbeat tells how many there are.
  let pending = database.get<{ count: number }>('SELECT count(*) AS count FROM outbox')?.count ?? 0;
  const added = (seq: number, event: Unnumbered): void => {
    if (waiting.size === pending && waiting.size < heldEvents) waiting.set(seq, { ...event, seq });
    pending += 1;
  };
  return {
    open(order, first, started, at) {
      const seq = openAttempt(database, order, first, started, at);
      if (started !== undefined && seq !== undefined) added(seq, started);
    },
    // A machine that loses its power loses the sandboxes too, so what they had come to need not outlive it: what was told of it does.
    append: (order, entry, at) => database.relaxed(() => append(database, order, entry, at)),
    end(order, entry, ended, at) {
      const seq = database.relaxed(() => {
        append(database, order, entry, at);
        markEnded(database, order);
        prune(database);
        return enqueue(database, ended);
      });
      added(seq, ended);
    },
    epochOf: (attemptId) =>
      database.get<{ epoch: number }>('SELECT epoch FROM attempts WHERE attempt_id = ?', attemptId)?.epoch,
    attempt(attemptId) {
      const row = database.get<AttemptRow>('SELECT order_json, ended FROM attempts WHERE attempt_id = ?', attemptId);
      return row === undefined ? undefined : booked(row);
    },
    attempts: () => database.all<AttemptRow>('SELECT order_json, ended FROM attempts ORDER BY rowid').map(booked),
    entries: (attemptId, from) =>
      database.all<{ entry: number; json: string }>(
        `SELECT entry, json FROM transcript_entries JOIN attempts USING (attempt_id, epoch)
         WHERE attempt_id = ? AND entry >= ? ORDER BY entry`,
        attemptId,
        from,
      ),
    transcript: (order) =>
      database
        .all<{ json: string }>(
          'SELECT json FROM transcript_entries WHERE attempt_id = ? AND epoch = ? ORDER BY entry',
          order.attemptId,
          order.epoch,
        )
        .map((row) => JSON.parse(row.json) as TrajectoryEvent),
    pendingEvents(limit) {
      const wanted = Math.min(limit, pending);
      if (waiting.size < wanted) readOutbox(database, waiting, wanted - waiting.size);
      return [...waiting.values()].slice(0, limit);
    },
    pendingCount: () => pending,
    isPending: (seq) => waiting.has(seq),
    flush: () => database.flush(),
    awaitsReceipt: (attemptId, epoch) =>
      database.get(
        `SELECT seq FROM outbox WHERE json ->> 'attemptId' = ? AND json ->> 'epoch' = ? AND json ->> 'kind' = 'attemptEnded'`,
        attemptId,
        epoch,
      ) !== undefined,
    confirm(sequences) {
      // An event whose receipt was forgotten is sent once more, which is harmless.
      const freed = database.relaxed(() =>
        sequences.reduce((sum, seq) => sum + database.run('DELETE FROM outbox WHERE seq = ?', seq).changes, 0),
      );
      for (const seq of sequences) waiting.delete(seq);
      pending -= freed;
      return freed;
    },
    close: () => database.close(),
  };
}

/** Reads what follows on the last one that is held. */
function readOutbox(database: Database, waiting: Map<number, ResultEvent>, count: number): void {
  const rows = database.all<{ seq: number; json: string }>(
    'SELECT seq, json FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?',
    [...waiting.keys()].at(-1) ?? 0,
    count,
  );
  for (const { seq, json } of rows) {
    waiting.set(seq, resultEventSchema.parse({ ...(JSON.parse(json) as object), seq }));
  }
}

interface AttemptRow {
  readonly order_json: string;
  readonly ended: number;
}

function booked(row: AttemptRow): BookedOrder {
  return { order: JSON.parse(row.order_json) as AttemptOrder, ended: row.ended === 1 };
}

function openAttempt(
  database: Database,
  order: AttemptOrder,
  first: TrajectoryEvent,
  started: Unnumbered | undefined,
  at: Date,
): number | undefined {
  // An attempt that a loss of power takes from the book has lost its sandbox with it, and the coordinator hears that it is not
  // known here.
  return database.relaxed(() => {
    // A newer epoch makes the older one void: its transcript goes, its events stay for the coordinator to refuse.
    database.run('DELETE FROM transcript_entries WHERE attempt_id = ?', order.attemptId);
    database.run('DELETE FROM attempts WHERE attempt_id = ?', order.attemptId);
    database.run(
      'INSERT INTO attempts (attempt_id, epoch, order_json) VALUES (?, ?, ?)',
      order.attemptId,
      order.epoch,
      JSON.stringify(order),
    );
    append(database, order, first, at);
    return started === undefined ? undefined : enqueue(database, started);
  });
}

function append(database: Database, order: AttemptOrder, entry: TrajectoryEvent, at: Date): void {
  database.run(
    `INSERT INTO transcript_entries (attempt_id, epoch, entry, json)
     SELECT ?1, ?2, coalesce(max(entry) + 1, 0), ?3 FROM transcript_entries WHERE attempt_id = ?1 AND epoch = ?2`,
    order.attemptId,
    order.epoch,
    JSON.stringify({ at: at.toISOString(), ...entry }),
  );
}

/** Gives its number. */
function enqueue(database: Database, event: Unnumbered): number {
  return database.run('INSERT INTO outbox (json) VALUES (?)', JSON.stringify(event)).lastInsertRowid;
}

/** The row moves to the end, so that those that have ended stand in the order of their ends. */
function markEnded(database: Database, { attemptId, epoch }: AttemptOrder): void {
  database.run(
    `UPDATE attempts SET ended = 1, rowid = (SELECT max(rowid) + 1 FROM attempts) WHERE attempt_id = ? AND epoch = ?`,
    attemptId,
    epoch,
  );
}

/** Forgets the attempts that ended first. */
function prune(database: Database): void {
  const old = database.all<{ attempt_id: string }>(
    'SELECT attempt_id FROM attempts WHERE ended = 1 ORDER BY rowid DESC LIMIT -1 OFFSET ?',
    keptEndedAttempts,
  );
  for (const { attempt_id } of old) {
    database.run('DELETE FROM transcript_entries WHERE attempt_id = ?', attempt_id);
    database.run('DELETE FROM attempts WHERE attempt_id = ?', attempt_id);
  }
}
