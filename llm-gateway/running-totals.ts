// What attempts, runs and hosts within runs have spent, as totals that go along with the calls: every turn asks for them before it
// is sent, and a sum over the calls would stop the gateway's only thread for longer the more turns a run has had.
//
// Invariants:
// 1. A total is the sum over the calls of its owner. Triggers keep it so, within the transaction of whatever writes a call.
// 2. Dollars are whole picodollars here (the cheapest tokens cost 10,000): sums of fractions that go up and down would not come
//    back to nothing, and a turn would wait for what nobody has reserved.

import type { Database } from '../shared/store/sqlite.ts';
import type { BudgetScope, Spent } from './core/budget.ts';

/** What is spent, with reservations; and how much of it is only reserved. */
export interface SpentSoFar extends Spent {
  readonly openDollars: number;
  readonly openOutputTokens: number;
}

const totals = ['picodollars', 'output_tokens', 'open_picodollars', 'open_output_tokens'];

/** What a call adds to each of the totals. */
function sharesOf(call: string): string[] {
  const pico = (dollars: string): string => `CAST(round((${dollars}) * 1e12) AS INTEGER)`;
  return [
    pico(`${call}.dollars + ${call}.lost_dollars`),
    `${call}.output_tokens + ${call}.lost_output_tokens`,
    pico(`(${call}.state = 'open') * ${call}.dollars`),
    `(${call}.state = 'open') * ${call}.output_tokens`,
  ];
}

/** Adds to the totals of all whose call it is; a host is an account's, which never changes it. */
function adding(amounts: readonly string[]): string {
  return `INSERT INTO spent SELECT scope, owner, host, ${amounts.join(', ')} FROM (
       SELECT 'attempt' AS scope, NEW.attempt_id AS owner, '' AS host UNION ALL SELECT 'run', NEW.run_id, '' UNION ALL
       SELECT 'host', NEW.run_id, host FROM accounts WHERE attempt_id = NEW.attempt_id AND epoch = NEW.epoch)
     WHERE true ON CONFLICT DO UPDATE SET ${totals.map((total) => `${total} = ${total} + excluded.${total}`).join(', ')};`;
}

function filling(scope: BudgetScope, owner: string, host: string): string {
  const sums = sharesOf('calls').map((share) => `sum(${share})`);
  return `INSERT INTO spent SELECT '${scope}', ${owner}, ${host}, ${sums.join(', ')}
     FROM calls JOIN accounts USING (attempt_id, epoch) GROUP BY ${owner}, ${host};`;
}

const before = sharesOf('OLD');
const after = sharesOf('NEW');

/** Of the book: the table, filled from the calls that are there, and what keeps it. */
export const totalsMigration = `CREATE TABLE spent (
     scope TEXT NOT NULL, owner TEXT NOT NULL, host TEXT NOT NULL,
     ${totals.map((total) => `${total} INTEGER NOT NULL`).join(', ')},
     PRIMARY KEY (scope, owner, host)) WITHOUT ROWID;
   ${filling('attempt', 'calls.attempt_id', "''")}
   ${filling('run', 'calls.run_id', "''")}
   ${filling('host', 'calls.run_id', 'accounts.host')}
   CREATE TRIGGER call_added AFTER INSERT ON calls BEGIN ${adding(after)} END;
   CREATE TRIGGER call_changed AFTER UPDATE ON calls BEGIN
     ${adding(after.map((share, index) => `${share} - (${before[index]})`))}
   END;`;

const nothing: SpentSoFar = { dollars: 0, outputTokens: 0, openDollars: 0, openOutputTokens: 0 };

/** The totals of an attempt, of a run, or of a run's attempts on one host. */
export function readTotals(database: Database, scope: BudgetScope, owner: string, host = ''): SpentSoFar {
  const found = database.get<SpentSoFar>(
    `SELECT picodollars / 1e12 AS dollars, output_tokens AS outputTokens, open_picodollars / 1e12 AS openDollars,
       open_output_tokens AS openOutputTokens FROM spent WHERE scope = ? AND owner = ? AND host = ?`,
    scope,
    owner,
    host,
  );
  return found ?? nothing;
}
