// The only door to node:sqlite. Every durable book of every daemon is opened here, so that all have the same guarantees.
// Invariants:
// 1. A transaction that returned is on disk (WAL with synchronous=FULL). One that was asked for as `relaxed` is with the
//    operating system: it survives the end of the process, and it is on disk with the next one that writes and is not relaxed, or after `flush`.
// 2. Migration n of a database runs once, in order, in one transaction with its version number (user_version).
// 3. A database of a newer program than this one is refused, not guessed at.

import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

export type SqlValue = SQLInputValue;
type Row = Record<string, unknown>;

/** An open database. Calls are synchronous; values are null, number, string or Uint8Array. */
export interface Database {
  /** Runs one statement. */
  run(sql: string, ...params: SqlValue[]): { changes: number; lastInsertRowid: number };
  /** The first row, or undefined. The caller states the shape that its own SQL gives. */
  get<Shape = Row>(sql: string, ...params: SqlValue[]): Shape | undefined;
  /** All rows. */
  all<Shape = Row>(sql: string, ...params: SqlValue[]): Shape[];
  /** Rows one by one, for results that may be large. */
  iterate<Shape = Row>(sql: string, ...params: SqlValue[]): IterableIterator<Shape>;
  /** Runs `fn` in one write transaction: all of it or, where it throws, nothing. Inner calls join the outer one. */
  transaction<Value>(fn: () => Value): Value;
  /**
   * The same without waiting for the disk. Only a machine that loses its power can forget it, and then nothing that was
   * written later is remembered either.
   */
  relaxed<Value>(fn: () => Value): Value;
  /**
   * Resolves when all that was written until now is on disk; the thread goes on meanwhile, and callers share what they wait for. After a
   * rejection the disk cannot be trusted: what it was to hold may be lost, and asking again would not tell.
   */
  flush(): Promise<void>;
  close(): void;
}

export interface DatabaseOptions {
  /** The file (its directory is made with mode 0700), or `:memory:`. */
  readonly path: string;
  /** SQL scripts, oldest first; never change one that was released, append another. */
  readonly migrations: readonly string[];
  /** Pages of the log after which it is put into the file, which holds the thread: 1000 unless stated. */
  readonly checkpointPages?: number;
  /** A new file can give room back that rows have left, by `PRAGMA incremental_vacuum`; an older one stays as it was made. */
  readonly givesRoomBack?: boolean;
  /** For those who only look: the file is there and stays as it is, its version included. */
  readonly readOnly?: boolean;
}

/** Most statements kept prepared; a daemon uses a few dozen different ones. */
const preparedLimit = 200;

/** Opens or creates a database and brings it to the newest version. */
export function openDatabase(options: DatabaseOptions): Database {
  if (options.readOnly === true) return openForReading(options);
  const inMemory = options.path === ':memory:';
  if (!inMemory) mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  const isNew = !inMemory && !existsSync(options.path);
  const connection = new DatabaseSync(options.path, { enableForeignKeyConstraints: true, timeout: 5000 });
  try {
    if (isNew) chmodSync(options.path, 0o600);
    // Before the first page is written, or it does nothing.
    if (options.givesRoomBack === true) connection.exec('PRAGMA auto_vacuum = INCREMENTAL');
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    if (options.checkpointPages !== undefined)
      connection.exec(`PRAGMA wal_autocheckpoint = ${options.checkpointPages}`);
    migrate(connection, options);
  } catch (error) {
    connection.close();
    throw new Error(`cannot open the database ${options.path}`, { cause: error });
  }
  return wrap(connection, inMemory ? undefined : options.path);
}

/** SQLITE_BUSY, of node:sqlite's `errcode`. */
const busy = 5;
/** SQLITE_READONLY, IOERR, CORRUPT, CANTOPEN and NOTADB. Not FULL: there may be room again. */
const broken: ReadonlySet<number> = new Set([8, 10, 11, 14, 26]);

/** Whether what a database threw says that its file cannot be used any more. */
export function isBroken(error: unknown): boolean {
  // The low byte is the kind, the rest says more of it.
  return error instanceof Error && 'errcode' in error && broken.has(Number(error.errcode) & 0xff);
}

/**
 * Holds a file that has no content for this connection alone; undefined where another one has it. The lock is the operating system's, so
 * it goes with the process however that ends. Whoever has it keeps what is returned: a connection that nobody refers to is closed.
 */
export function holdFile(path: string): { release(): void } | undefined {
  const isNew = !existsSync(path);
  const connection = new DatabaseSync(path, { timeout: 0 });
  try {
    if (isNew) chmodSync(path, 0o600);
    // Nothing is written that a journal beside it would be for.
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === busy) return undefined;
    throw new Error(`cannot lock ${path}`, { cause: error });
  }
  return { release: () => connection.close() };
}

function openForReading({ path, migrations }: DatabaseOptions): Database {
  // Where nobody else has it open it is taken as it lies there, or reading alone would leave files for a log beside it.
  const file = pathToFileURL(path);
  if (!existsSync(`${path}-wal`)) file.searchParams.set('immutable', '1');
  const connection = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    refuseNewer(connection, migrations);
  } catch (error) {
    connection.close();
    throw new Error(`cannot open the database ${path}`, { cause: error });
  }
  return wrap(connection);
}

/** Its version, where this program knows it. */
function refuseNewer(connection: DatabaseSync, migrations: readonly string[]): number {
  const version = Number(connection.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version <= migrations.length) return version;
  throw new Error(`it has version ${version} and this program knows only ${migrations.length}: start a newer program`);
}

function migrate(connection: DatabaseSync, options: DatabaseOptions): void {
  const version = refuseNewer(connection, options.migrations);
  options.migrations.slice(version).forEach((script, index) => {
    connection.exec('BEGIN IMMEDIATE');
    try {
      connection.exec(script);
      connection.exec(`PRAGMA user_version = ${version + index + 1}; COMMIT`);
    } catch (error) {
      connection.exec('ROLLBACK');
      throw new Error(`migration ${version + index + 1} failed`, { cause: error });
    }
  });
}

/** `written` is the file of a database that is not only read. */
function wrap(connection: DatabaseSync, written?: string): Database {
  const log = written === undefined ? undefined : writeAheadLog(written);
  // Said again only when it changes: most writes of a host are relaxed, and saying it costs as much as one.
  let waits = true;
  const waitForDisk = (wanted: boolean): void => {
    if (wanted === waits || connection.isTransaction) return;
    connection.exec(`PRAGMA synchronous = ${wanted ? 'FULL' : 'NORMAL'}`);
    waits = wanted;
  };
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    let found = prepared.get(sql);
    if (found === undefined) {
      found = connection.prepare(sql);
      if (prepared.size >= preparedLimit) prepared.clear();
      prepared.set(sql, found);
    }
    return found;
  };
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const commit = connection.prepare('COMMIT');
  const transaction = <Value>(fn: () => Value): Value => {
    if (connection.isTransaction) return fn();
    begin.run();
    try {
      const value = fn();
      if (value instanceof Promise)
        throw new TypeError('a transaction is synchronous: its function returned a promise');
      commit.run();
      return value;
    } catch (error) {
      if (connection.isTransaction) connection.exec('ROLLBACK');
      throw error;
    }
  };
  return {
    run(sql, ...params) {
      waitForDisk(true);
      const { changes, lastInsertRowid } = statement(sql).run(...params);
      return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
    },
    get: <Shape>(sql: string, ...params: SqlValue[]) => statement(sql).get(...params) as Shape | undefined,
    all: <Shape>(sql: string, ...params: SqlValue[]) => statement(sql).all(...params) as Shape[],
    // A prepared statement of its own: two loops over the same SQL would otherwise share one cursor.
    iterate: <Shape>(sql: string, ...params: SqlValue[]) =>
      connection.prepare(sql).iterate(...params) as IterableIterator<Shape>,
    transaction(fn) {
      waitForDisk(true);
      return transaction(fn);
    },
    relaxed(fn) {
      waitForDisk(false);
      return transaction(fn);
    },
    flush: () => log?.flush() ?? Promise.resolve(),
    close() {
      prepared.clear();
      log?.close();
      connection.close();
    },
  };
}

/** The file that holds what was committed last (`-wal`); it is there from the first write until the last connection closes. */
function writeAheadLog(path: string): { flush(): Promise<void>; close(): void } {
  let file: Promise<FileHandle> | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let failure: Error | undefined;
  const sync = async (): Promise<void> => {
    try {
      file ??= openLog(path);
      await (await file).datasync();
    } catch (cause) {
      failure ??= new Error(`what was written to the database ${path} may not be on the disk, which failed`, { cause });
      throw failure;
    }
  };
  const flush = (): Promise<void> => {
    // The system tells of pages that it could not write once, and then takes them for written.
    if (failure !== undefined) return Promise.reject(failure);
    if (running === undefined) {
      running = sync().finally(() => {
        running = undefined;
      });
      return running;
    }
    // It may have begun before the caller's write was there, so the caller waits for the one after.
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return flush();
      });
    return next;
  };
  const close = async (): Promise<void> => {
    await running?.catch(() => undefined);
    await (await file)?.close();
  };
  return { flush, close: () => void close().catch(() => undefined) };
}

/** A log that was just made has a name only when its directory is on disk. */
async function openLog(path: string): Promise<FileHandle> {
  const directory = await open(dirname(path));
  await directory.sync().finally(() => directory.close());
  return await open(`${path}-wal`);
}
