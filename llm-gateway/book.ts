// The gateway's book: accounts, and every turn with its reservation, its cost and its recorded answer.
//
// Invariants:
// 1. A turn is written down before it is asked for and settled in one transaction with its answer, so a crash loses
//    neither money nor an answer that was already given.
// 2. A turn that a crash cut off keeps its reservation as cost: the provider may have charged for it. No other reservation takes
//    the place of one that is open.
// 3. An account survives the process at once, and a loss of power from the first turn on: one that is lost before had no cost.
// 4. Tokens are kept as SHA-256 only; message contents are kept only as the recorded answer, and that until its account is closed:
//    a repeat, which it is for, can come under an open account only.

import { createHash } from 'node:crypto';
import { type Database, openDatabase } from '../shared/store/sqlite.ts';
import type { Reservation, Spent } from './core/budget.ts';
import { readTotals, type SpentSoFar, totalsMigration } from './running-totals.ts';
import type { Turn } from './upstream/upstream.ts';

/** Exported for tests of books that earlier versions wrote. */
export const migrations = [
  `CREATE TABLE accounts (
     run_id TEXT NOT NULL, attempt_id TEXT NOT NULL, epoch INTEGER NOT NULL,
     host TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE,
     dollars REAL NOT NULL, output_tokens INTEGER NOT NULL,
     opened_at TEXT NOT NULL, closed_at TEXT,
     PRIMARY KEY (attempt_id, epoch));
   CREATE TABLE calls (
     attempt_id TEXT NOT NULL, epoch INTEGER NOT NULL, request_id TEXT NOT NULL, run_id TEXT NOT NULL,
     request_digest TEXT NOT NULL, upstream TEXT NOT NULL, model TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'failed', 'cut')),
     input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, dollars REAL NOT NULL,
     lost_output_tokens INTEGER NOT NULL DEFAULT 0, lost_dollars REAL NOT NULL DEFAULT 0,
     answer TEXT, at TEXT NOT NULL,
     PRIMARY KEY (attempt_id, epoch, request_id));
   CREATE INDEX calls_by_run ON calls (run_id);`,
  `ALTER TABLE accounts ADD COLUMN run_dollars REAL NOT NULL DEFAULT 0;
   ALTER TABLE accounts ADD COLUMN run_output_tokens INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE calls ADD COLUMN lost_input_tokens INTEGER NOT NULL DEFAULT 0;`,
  totalsMigration,
];

/** Names one execution of an attempt. */
export interface AttemptKey {
  readonly runId: string;
  readonly attemptId: string;
  readonly epoch: number;
}

/** An account. */
export interface Account extends AttemptKey {
  readonly host: string;
  readonly dollars: number;
  readonly outputTokens: number;
  /** Limits of the whole run, as it had them when the account was opened. */
  readonly runDollars: number;
  readonly runOutputTokens: number;
  readonly closed: boolean;
}

/** What was paid for and led to no answer. */
export interface Lost {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
}

export const nothingLost: Lost = { inputTokens: 0, outputTokens: 0, dollars: 0 };

/** A turn that was answered, as it is given again to a repeat; tokens and dollars include what was lost on the way. */
export interface RecordedTurn {
  readonly turn: Turn;
  readonly upstream: string;
  readonly dollars: number;
}

/** What the book knows of a request id. */
export type KnownCall =
  | { readonly kind: 'none' }
  | { readonly kind: 'otherRequest' }
  | { readonly kind: 'answered'; readonly recorded: RecordedTurn };

/** Totals of an attempt. */
export interface Totals extends Spent {
  readonly turns: number;
  readonly inputTokens: number;
}

/** One line of the spend. */
export interface SpendRow {
  readonly runId: string;
  readonly attemptId: string;
  readonly model: string;
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
}

export interface Book {
  /** The newest epoch that the attempt was opened with; 0 where there was none. */
  newestEpoch(attemptId: string): number;
  account(attemptId: string, epoch: number): Account | undefined;
  accountOfToken(token: string): Account | undefined;
  open(account: Omit<Account, 'closed'>, token: string, at: Date): void;
  /** Ends the accounts of this epoch and of earlier ones; their answers are forgotten, what they cost is not. */
  close(key: AttemptKey, at: Date): void;
  /** Cost and open reservations of all epochs of an attempt; in the same time however many turns there were, as the next two. */
  spent(attemptId: string): SpentSoFar;
  /** The same of all attempts of a run, and of those of them that one host had. */
  spentByRun(runId: string): SpentSoFar;
  spentByHost(runId: string, host: string): SpentSoFar;
  totals(attemptId: string): Totals;
  known(account: Account, requestId: string, digest: string): KnownCall;
  /** Reserves for a turn, or for one more try of it; throws where one of the same request id is open or was answered. */
  begin(account: Account, call: BegunCall, at: Date): void;
  /** The turn is answered. `lost` is what `fail` was told of it before, so that it is not counted twice. */
  settle(account: Account, requestId: string, recorded: RecordedTurn, lost: Lost, at: Date): void;
  /** A try of the turn failed, or its answer was no use, and cost so much. */
  fail(account: Account, requestId: string, lost: Lost, at: Date): void;
  /** The turn is given up without a word from its upstream: what it had reserved, if that is open, is its cost. */
  cut(account: Account, requestId: string): void;
  spendByRun(runId: string): SpendRow[];
  /** Runs `fn` in one transaction. */
  transaction<Value>(fn: () => Value): Value;
  /** The same without waiting for the disk (shared/store/sqlite.ts). */
  relaxed<Value>(fn: () => Value): Value;
  stop(): void;
}

/** A turn that is about to be asked for. */
export interface BegunCall {
  readonly requestId: string;
  readonly digest: string;
  readonly upstream: string;
  readonly model: string;
  readonly reservation: Reservation;
}

const cutOpen = `UPDATE calls SET state = 'cut', lost_output_tokens = lost_output_tokens + output_tokens, output_tokens = 0,
   lost_dollars = lost_dollars + dollars, dollars = 0 WHERE state = 'open'`;

/** Opens the book. */
export function openBook(path: string): Book {
  return bookOver(openDatabase({ path, migrations }));
}

/** The book in a database that has its tables and nobody else's hands on it: turns that are open in it count as cut off. */
export function bookOver(database: Database): Book {
  database.run(cutOpen);
  // Earlier versions kept the answers of closed accounts.
  database.run(
    `UPDATE calls SET answer = NULL WHERE answer IS NOT NULL AND (attempt_id, epoch) IN
       (SELECT attempt_id, epoch FROM accounts WHERE closed_at IS NOT NULL)`,
  );
  return { ...accountBook(database), ...callBook(database), ...lostCallBook(database), ...spendBook(database) };
}

const accountColumns = `run_id AS runId, attempt_id AS attemptId, epoch, host, dollars,
  output_tokens AS outputTokens, run_dollars AS runDollars, run_output_tokens AS runOutputTokens, closed_at AS closedAt`;

type AccountRow = Omit<Account, 'closed'> & { readonly closedAt: string | null };

function toAccount(row: AccountRow | undefined): Account | undefined {
  if (row === undefined) return undefined;
  const { closedAt, ...account } = row;
  return { ...account, closed: closedAt !== null };
}

type AccountBook = Pick<
  Book,
  'newestEpoch' | 'account' | 'accountOfToken' | 'open' | 'close' | 'transaction' | 'relaxed' | 'stop'
>;

function accountBook(database: Database): AccountBook {
  return {
    newestEpoch: (attemptId) =>
      database.get<{ epoch: number | null }>('SELECT max(epoch) AS epoch FROM accounts WHERE attempt_id = ?', attemptId)
        ?.epoch ?? 0,
    account: (attemptId, epoch) =>
      toAccount(
        database.get<AccountRow>(
          `SELECT ${accountColumns} FROM accounts WHERE attempt_id = ? AND epoch = ?`,
          attemptId,
          epoch,
        ),
      ),
    accountOfToken: (token) =>
      toAccount(database.get<AccountRow>(`SELECT ${accountColumns} FROM accounts WHERE token_hash = ?`, hashOf(token))),
    open(account, token, at) {
      database.run(
        `INSERT INTO accounts (run_id, attempt_id, epoch, host, token_hash, dollars, output_tokens, opened_at,
           run_dollars, run_output_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        account.runId,
        account.attemptId,
        account.epoch,
        account.host,
        hashOf(token),
        account.dollars,
        account.outputTokens,
        at.toISOString(),
        account.runDollars,
        account.runOutputTokens,
      );
    },
    close(key, at) {
      // A close that a loss of power undoes is not missed: the token was one attempt's, and that one is over.
      database.relaxed(() => {
        database.run(
          'UPDATE accounts SET closed_at = ? WHERE attempt_id = ? AND epoch <= ? AND closed_at IS NULL',
          at.toISOString(),
          key.attemptId,
          key.epoch,
        );
        database.run(
          'UPDATE calls SET answer = NULL WHERE attempt_id = ? AND epoch <= ? AND answer IS NOT NULL',
          key.attemptId,
          key.epoch,
        );
      });
    },
    transaction: (fn) => database.transaction(fn),
    relaxed: (fn) => database.relaxed(fn),
    stop: () => database.close(),
  };
}

type CallBook = Pick<Book, 'known' | 'begin' | 'settle'>;

function callBook(database: Database): CallBook {
  return {
    known(account, requestId, digest) {
      const row = database.get<{ request_digest: string; state: string; answer: string | null }>(
        'SELECT request_digest, state, answer FROM calls WHERE attempt_id = ? AND epoch = ? AND request_id = ?',
        account.attemptId,
        account.epoch,
        requestId,
      );
      if (row === undefined) return { kind: 'none' };
      if (row.request_digest !== digest) return { kind: 'otherRequest' };
      if (row.state !== 'answered' || row.answer === null) return { kind: 'none' };
      return { kind: 'answered', recorded: JSON.parse(row.answer) as RecordedTurn };
    },
    begin(account, call, at) {
      // A repeat of a turn that was cut off keeps what was lost with the first one.
      const { changes } = database.run(
        `INSERT INTO calls (attempt_id, epoch, request_id, run_id, request_digest, upstream, model, state,
           input_tokens, output_tokens, dollars, answer, at)
         VALUES (?, ?, ?, ?, ?, ?, ?, 'open', 0, ?, ?, NULL, ?)
         ON CONFLICT (attempt_id, epoch, request_id) DO UPDATE SET state = 'open', upstream = excluded.upstream,
           model = excluded.model, output_tokens = excluded.output_tokens, dollars = excluded.dollars, at = excluded.at
         WHERE state IN ('failed', 'cut')`,
        account.attemptId,
        account.epoch,
        call.requestId,
        account.runId,
        call.digest,
        call.upstream,
        call.model,
        call.reservation.outputTokens,
        call.reservation.dollars,
        at.toISOString(),
      );
      if (changes === 0)
        throw new Error(`invariant broken: turn ${call.requestId} has a reservation that is open, or an answer`);
    },
    settle(account, requestId, recorded, lost, at) {
      const { attemptId, epoch } = account;
      // A turn goes on when its account is closed meanwhile; nobody can ask for its answer then.
      const isClosed =
        database.get(
          'SELECT 1 FROM accounts WHERE attempt_id = ? AND epoch = ? AND closed_at IS NOT NULL',
          attemptId,
          epoch,
        ) !== undefined;
      database.run(
        `UPDATE calls SET state = 'answered', upstream = ?, model = ?, input_tokens = ?, output_tokens = ?, dollars = ?,
           answer = ?, at = ? WHERE attempt_id = ? AND epoch = ? AND request_id = ?`,
        recorded.upstream,
        recorded.turn.model,
        recorded.turn.inputTokens - lost.inputTokens,
        recorded.turn.outputTokens - lost.outputTokens,
        recorded.dollars - lost.dollars,
        isClosed ? null : JSON.stringify(recorded),
        at.toISOString(),
        attemptId,
        epoch,
        requestId,
      );
    },
  };
}

/** How turns end that have no answer. */
function lostCallBook(database: Database): Pick<Book, 'fail' | 'cut'> {
  return {
    fail(account, requestId, lost, at) {
      database.run(
        `UPDATE calls SET state = 'failed', output_tokens = 0, dollars = 0, lost_input_tokens = lost_input_tokens + ?,
           lost_output_tokens = lost_output_tokens + ?, lost_dollars = lost_dollars + ?, at = ?
         WHERE attempt_id = ? AND epoch = ? AND request_id = ? AND state = 'open'`,
        lost.inputTokens,
        lost.outputTokens,
        lost.dollars,
        at.toISOString(),
        account.attemptId,
        account.epoch,
        requestId,
      );
    },
    cut(account, requestId) {
      const { attemptId, epoch } = account;
      database.run(`${cutOpen} AND attempt_id = ? AND epoch = ? AND request_id = ?`, attemptId, epoch, requestId);
    },
  };
}

function spendBook(database: Database): Pick<Book, 'spent' | 'spentByRun' | 'spentByHost' | 'totals' | 'spendByRun'> {
  const sums = `coalesce(sum(dollars + lost_dollars), 0) AS dollars,
    coalesce(sum(output_tokens + lost_output_tokens), 0) AS outputTokens,
    coalesce(sum(input_tokens + lost_input_tokens), 0) AS inputTokens, coalesce(sum(state = 'answered'), 0) AS turns`;
  return {
    spent: (attemptId) => readTotals(database, 'attempt', attemptId),
    spentByRun: (runId) => readTotals(database, 'run', runId),
    spentByHost: (runId, host) => readTotals(database, 'host', runId, host),
    totals: (attemptId) =>
      database.get<Totals>(`SELECT ${sums} FROM calls WHERE attempt_id = ?`, attemptId) ?? {
        dollars: 0,
        outputTokens: 0,
        inputTokens: 0,
        turns: 0,
      },
    spendByRun: (runId) =>
      database.all<SpendRow>(
        `SELECT run_id AS runId, attempt_id AS attemptId, model, sum(state = 'answered') AS calls,
           sum(input_tokens + lost_input_tokens) AS inputTokens, sum(output_tokens + lost_output_tokens) AS outputTokens,
           sum(dollars + lost_dollars) AS dollars
         FROM calls WHERE (? = '' OR run_id = ?)
         GROUP BY run_id, attempt_id, model ORDER BY run_id, attempt_id, model`,
        runId,
        runId,
      ),
  };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
