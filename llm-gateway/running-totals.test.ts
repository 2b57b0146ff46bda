import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from '../shared/store/sqlite.ts';
import { type Account, type Book, migrations, nothingLost, openBook } from './book.ts';
import { account } from './testing/raced-gateway.ts';
import { turn } from './testing/scripted-upstream.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-totals-'));
  path = join(directory, 'gateway.sqlite');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = new Date(0);
const attempts = [0, 1, 2, 3].map(
  (index): Account => ({ ...account, attemptId: `attempt-${index}`, host: `host-${index % 2}`, closed: false }),
);
const attemptOf = (index: number): Account => attempts[index] ?? { ...account, closed: false };

function openAll(book: Book): void {
  for (const each of attempts) book.open(each, each.attemptId, at);
}

function begin(book: Book, of: Account, requestId: string, dollars: number, outputTokens = 1000): void {
  const reservation = { dollars, outputTokens, capped: true };
  book.begin(of, { requestId, digest: 'd', upstream: 'u', model: 'm', reservation }, at);
}

/** A call that is open or answered is not begun again. */
function beginOrRefuse(book: Book, of: Account, requestId: string, dollars: number): void {
  try {
    begin(book, of, requestId, dollars);
  } catch (error) {
    expect(String(error)).toContain('has a reservation that is open, or an answer');
  }
}

function settle(book: Book, of: Account, requestId: string, dollars: number): void {
  book.settle(of, requestId, { turn: turn('x', 7), upstream: 'u', dollars }, nothingLost, at);
}

/** By adding up every call, in a connection of its own. */
function addedUp(where: string): unknown {
  const database = openDatabase({ path, migrations });
  const sums = database.get(
    `SELECT coalesce(sum(dollars + lost_dollars), 0) AS dollars, coalesce(sum((state = 'open') * dollars), 0) AS openDollars,
       coalesce(sum(output_tokens + lost_output_tokens), 0) AS outputTokens,
       coalesce(sum((state = 'open') * output_tokens), 0) AS openOutputTokens
     FROM calls JOIN (SELECT attempt_id, epoch, host FROM accounts) USING (attempt_id, epoch) WHERE ${where}`,
  );
  database.close();
  const { dollars, openDollars, ...tokens } = sums as { dollars: number; openDollars: number };
  return { ...tokens, dollars: expect.closeTo(dollars, 9), openDollars: expect.closeTo(openDollars, 9) };
}

function expectSums(book: Book): void {
  expect(book.spentByRun('run')).toEqual(addedUp('true'));
  for (const host of ['host-0', 'host-1']) expect(book.spentByHost('run', host)).toEqual(addedUp(`host = '${host}'`));
  for (const { attemptId } of attempts) expect(book.spent(attemptId)).toEqual(addedUp(`attempt_id = '${attemptId}'`));
}

test('totals are what the calls add up to, whatever becomes of calls and however often the book is opened', () => {
  const doing = fc.constantFrom('begin', 'settle', 'fail', 'cut', 'restart');
  const dollars = fc.double({ min: 0, max: 3, noNaN: true });
  const step = fc.tuple(doing, fc.nat(3), fc.nat(3), dollars);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      rmSync(directory, { recursive: true, force: true });
      let book = openBook(path);
      openAll(book);
      for (const [what, whose, call, dollars] of steps) {
        const of = attemptOf(whose);
        if (what === 'begin') beginOrRefuse(book, of, `r${call}`, dollars);
        else if (what === 'cut') book.cut(of, `r${call}`);
        else if (what === 'settle') settle(book, of, `r${call}`, dollars);
        else if (what === 'fail') book.fail(of, `r${call}`, { inputTokens: 5, outputTokens: 2, dollars }, at);
        else {
          book.stop();
          book = openBook(path);
        }
      }
      expectSums(book);
      book.stop();
    }),
    { numRuns: 30 },
  );
});

test('a book of an earlier version gets its totals from the calls that it holds', () => {
  const earlier = openDatabase({ path, migrations: migrations.slice(0, 2) });
  for (const { attemptId, host } of attempts) {
    const owner = `INSERT INTO accounts (run_id, attempt_id, epoch, host, token_hash, dollars, output_tokens, opened_at)`;
    earlier.run(`${owner} VALUES ('run', ?, 1, ?, ?, 0, 0, '')`, attemptId, host, attemptId);
    for (const state of ['answered', 'failed', 'open']) {
      earlier.run(
        `INSERT INTO calls VALUES (?, 1, ?, 'run', 'd', 'u', 'm', ?, 10, 20, 0.25, 3, 0.125, NULL, '', 0)`,
        attemptId,
        state,
        state,
      );
    }
  }
  earlier.close();
  const book = openBook(path);
  expectSums(book);
  // What was open has been cut off since, and is paid for.
  expect(book.spentByRun('run')).toEqual({ dollars: 4.5, outputTokens: 276, openDollars: 0, openOutputTokens: 0 });
  expect(book.spentByHost('run', 'host-1')).toMatchObject({ dollars: 2.25, outputTokens: 138 });
  expect(book.spentByRun('other')).toEqual({ dollars: 0, outputTokens: 0, openDollars: 0, openOutputTokens: 0 });
  book.stop();
});

test('reservations that are given back leave nothing, so that no turn waits for what nobody holds', () => {
  const book = openBook(':memory:');
  openAll(book);
  for (let call = 0; call < 300; call += 1) begin(book, attemptOf(call % 4), `r${call}`, 0.1 + call / 7);
  for (let call = 0; call < 300; call += 1) settle(book, attemptOf(call % 4), `r${call}`, call / 11);
  expect(book.spentByRun('run')).toMatchObject({ openDollars: 0, openOutputTokens: 0 });
});

test('what is spent is known without a look at the calls, of which a run has a hundred thousand', () => {
  const book = openBook(path);
  openAll(book);
  begin(book, attemptOf(0), 'r', 1);
  settle(book, attemptOf(0), 'r', 0.5);
  const told = () => [book.spentByRun('run'), book.spentByHost('run', 'host-0'), book.spent('attempt-0')];
  const before = told();
  expect(before[0]).toMatchObject({ dollars: 0.5 });
  const database = openDatabase({ path, migrations });
  database.run('DELETE FROM calls');
  database.close();
  expect(told()).toEqual(before);
  book.stop();
});
