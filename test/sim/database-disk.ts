// The disk under a database of a daemon: a killed process writes nothing more, and what nobody waited for may be gone when the power
// is lost, the newest first. The database is a real one, in memory; its writes are kept to make it again without the last of them.

import { nextInt, type Rng } from '../../shared/core/rng.ts';
import { type Database, openDatabase, type SqlValue } from '../../shared/store/sqlite.ts';
import type { SimProcess } from './process.ts';

type Statement = readonly [sql: string, ...params: SqlValue[]];

/** The database as a process has it: promises of one that was killed may still run on, and write nothing. */
export function ofLiving(process: SimProcess, database: Database): Database {
  const check = (): void => {
    if (!process.alive) throw new Error('a dead process writes nothing');
  };
  return {
    ...database,
    run(...statement) {
      check();
      if (process.diskIsFull) throw new Error('database or disk is full');
      return database.run(...statement);
    },
    transaction(work) {
      check();
      return database.transaction(work);
    },
    relaxed(work) {
      check();
      return database.relaxed(work);
    },
  };
}

export class DatabaseDisk {
  private database: Database;
  private readonly migrations: readonly string[];
  private readonly rng: Rng;
  /** Committed transactions, oldest first. */
  private committed: (readonly Statement[])[] = [];
  private durable = 0;
  /** It says that it has synced and has not. */
  private readonly lies: boolean;
  /** Statements of the transaction that is open. */
  private open: Statement[] | undefined;

  constructor(migrations: readonly string[], rng: Rng, lies = false) {
    this.lies = lies;
    this.migrations = migrations;
    this.rng = rng;
    this.database = openDatabase({ path: ':memory:', migrations });
  }

  /** As a process finds it that starts now. */
  openDatabase(process: SimProcess): Database {
    const { database } = this;
    return ofLiving(process, {
      ...database,
      run: (...statement) => this.transact(true, () => this.write(statement)),
      transaction: (work) => this.transact(true, () => database.transaction(work)),
      relaxed: (work) => this.transact(false, () => database.relaxed(work)),
      flush: () => this.flush(),
    });
  }

  losePower(): void {
    const kept = this.durable + nextInt(this.rng, this.committed.length - this.durable + 1);
    this.committed = this.committed.slice(0, kept);
    this.durable = kept;
    this.database.close();
    this.database = openDatabase({ path: ':memory:', migrations: this.migrations });
    for (const [sql, ...params] of this.committed.flat()) this.database.run(sql, ...params);
  }

  close(): void {
    this.database.close();
  }

  private flush(): Promise<void> {
    this.durable = this.committed.length;
    return Promise.resolve();
  }

  private write(statement: Statement): ReturnType<Database['run']> {
    const [sql, ...params] = statement;
    const result = this.database.run(sql, ...params);
    this.open?.push(statement);
    return result;
  }

  /** Inner transactions join the outer one. */
  private transact<Value>(isDurable: boolean, work: () => Value): Value {
    if (this.open !== undefined) return work();
    this.open = [];
    try {
      const value = work();
      if (this.open.length > 0) this.committed.push(this.open);
      if (isDurable && !this.lies) this.durable = this.committed.length;
      return value;
    } finally {
      this.open = undefined;
    }
  }
}
