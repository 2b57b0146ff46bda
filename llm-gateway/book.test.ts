import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../shared/store/sqlite.ts';
import { type Account, type Book, migrations, nothingLost, openBook, type RecordedTurn } from './book.ts';
import { turn } from './testing/scripted-upstream.ts';

const at = new Date(0);
const recorded: RecordedTurn = { turn: turn('a long answer'), upstream: 'a', dollars: 0.5 };
const call = { digest: 'd', upstream: 'a', model: 'm', reservation: { dollars: 1, outputTokens: 100, capped: false } };

function openAccount(book: Book, attemptId: string, epoch: number): Account {
  const account = { runId: 'run', attemptId, epoch, host: 'alpha', dollars: 0, outputTokens: 0 };
  const opened = { ...account, runDollars: 0, runOutputTokens: 0 };
  book.open(opened, `${attemptId} ${epoch}`, at);
  return { ...opened, closed: false };
}

function answer(book: Book, account: Account, requestId: string): void {
  book.begin(account, { ...call, requestId }, at);
  book.settle(account, requestId, recorded, nothingLost, at);
}

function answersIn(path: string): unknown[] {
  const database = openDatabase({ path, migrations, readOnly: true });
  const rows = database.all('SELECT attempt_id, epoch, request_id FROM calls WHERE answer IS NOT NULL');
  database.close();
  return rows.map((row) => Object.values(row).join(' '));
}

test('when an account is closed the answers of it and of earlier epochs go, what they cost stays, and no other answer goes', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'book-')), 'gateway.sqlite');
  const book = openBook(path);
  const [first, second, other] = [
    openAccount(book, 'one', 1),
    openAccount(book, 'one', 2),
    openAccount(book, 'other', 1),
  ] as const;
  for (const account of [first, second, other]) answer(book, account, 'r1');
  // A turn that is under way when its account is closed costs what it costs.
  book.begin(second, { ...call, requestId: 'r2' }, at);
  book.close(second, at);
  book.settle(second, 'r2', recorded, nothingLost, at);
  expect(book.totals('one')).toMatchObject({ turns: 3, dollars: 1.5 });
  expect(book.spendByRun('run')).toMatchObject([{ calls: 3 }, { calls: 1 }]);
  expect(book.known(other, 'r1', 'd')).toEqual({ kind: 'answered', recorded });
  book.stop();
  expect(answersIn(path)).toEqual(['other 1 r1']);
});

test('a book of an earlier version loses the answers of closed accounts when it is opened', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'book-')), 'gateway.sqlite');
  const book = openBook(path);
  answer(book, openAccount(book, 'one', 1), 'r1');
  answer(book, openAccount(book, 'other', 1), 'r1');
  book.stop();
  const database = openDatabase({ path, migrations });
  database.run("UPDATE accounts SET closed_at = 'then' WHERE attempt_id = 'one'");
  database.close();
  openBook(path).stop();
  expect(answersIn(path)).toEqual(['other 1 r1']);
});

test('an open reservation is never overwritten; one that failed or was cut off is followed by the next try', () => {
  const book = openBook(':memory:');
  const account = openAccount(book, 'one', 1);
  const begin = (): void => book.begin(account, { ...call, requestId: 'r1' }, at);
  begin();
  expect(begin).toThrow('invariant broken');
  expect(book.spent('one')).toMatchObject({ dollars: 1, openDollars: 1 });
  book.fail(account, 'r1', { inputTokens: 0, outputTokens: 10, dollars: 0.25 }, at);
  begin();
  book.cut(account, 'r1');
  book.cut(account, 'r1');
  expect(book.spent('one')).toMatchObject({ dollars: 1.25, outputTokens: 110, openDollars: 0, openOutputTokens: 0 });
  begin();
  // The same id of another epoch is another turn.
  book.begin(openAccount(book, 'one', 2), { ...call, requestId: 'r1' }, at);
  expect(book.spent('one')).toMatchObject({ dollars: 3.25, openDollars: 2 });
});
