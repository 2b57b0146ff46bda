// The agents' own records: what each host's book says was executed there and with which result. A book forgets an execution when
// a newer one of the same attempt begins, so they are read again and again while the fleet works.

import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Executed } from './history.ts';

export interface AgentBooks {
  /** Executions that ended, so far. */
  executed(): Executed[];
  /** Events that wait for the coordinator's receipt now. */
  waiting(): number;
  /** Those events, as they lie in the outboxes. */
  outboxes(): { host: string; seq: number; json: string }[];
  stop(): void;
}

const readEveryMs = 100;

interface Ended {
  readonly attempt_id: string;
  readonly epoch: number;
  readonly submission: string | null;
}

/** The digest that was stored, of attempts that came to an end without a reason to fail. */
const endedSql = `
  SELECT a.attempt_id, a.epoch, (
    SELECT s.json ->> '$.artifacts.submission' FROM transcript_entries s
    WHERE s.attempt_id = a.attempt_id AND s.epoch = a.epoch AND s.json ->> '$.kind' = 'artifactsStored'
    AND NOT EXISTS (
      SELECT 1 FROM transcript_entries c WHERE c.attempt_id = a.attempt_id AND c.epoch = a.epoch
      AND c.json ->> '$.kind' = 'concluded' AND c.json ->> '$.failureReason' IS NOT NULL)
  ) AS submission
  FROM attempts a WHERE a.ended = 1`;

/** Reads the books at these paths, by host, until it is stopped. */
export function readAgentBooks(paths: ReadonlyMap<string, string>): AgentBooks {
  const known = new Map<string, Executed>();
  const look = (): void => {
    for (const [host, path] of paths) {
      for (const { attempt_id: attemptId, epoch, submission } of rows<Ended>(path, endedSql)) {
        const key = `${host} ${attemptId} ${epoch}`;
        if (!known.has(key)) known.set(key, { host, attemptId, epoch, submission: submission ?? undefined });
      }
    }
  };
  const timer = setInterval(look, readEveryMs);
  return {
    executed() {
      look();
      return [...known.values()];
    },
    waiting: () =>
      [...paths.values()]
        .flatMap((path) => rows<{ waiting: number }>(path, 'SELECT count(*) AS waiting FROM outbox'))
        .reduce((sum, { waiting }) => sum + waiting, 0),
    outboxes: () =>
      [...paths].flatMap(([host, path]) =>
        rows<{ seq: number; json: string }>(path, 'SELECT seq, json FROM outbox').map((event) => ({ host, ...event })),
      ),
    stop: () => clearInterval(timer),
  };
}

/** Opened anew each time: the owner of the book comes and goes. */
function rows<Row>(path: string, sql: string): Row[] {
  if (!existsSync(path)) return [];
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
    return database.prepare(sql).all() as Row[];
  } catch (error) {
    // A book that is just being made has no tables yet.
    if (/no such table|unable to open|locked/.test(String(error))) return [];
    throw error;
  } finally {
    database?.close();
  }
}
