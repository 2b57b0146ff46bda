// The vault: every hidden label, the secrets behind the opaque ids, all predictions and scores. The only room that reads
// labels; seen by evaluator.ts and import/ alone.
//
// Owns: the evaluator's SQLite book and the bundles beside it (public, but only reachable through the service).
// Invariants:
// 1. The directory has mode 0700 and every file 0600.
// 2. A task version is written whole, in one transaction, after its bundle is on disk; it never changes.
// 3. Versions are kept, so a run that began on one ends on it.

import { createHmac } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, openDatabase } from '../../shared/store/sqlite.ts';
import type { Baseline } from '../core/baseline.ts';
import type { StoredTask, TaskDescription } from '../core/task.ts';
import { doubleBytes, doublesOf } from './doubles.ts';
import {
  changeLabelKeys,
  checkLabelKeys,
  lockPlainLabels,
  readLabels,
  recode,
  type SplitName,
  splitCodes,
  writeLabels,
} from './hidden-labels.ts';
import { type LabelKeyPaths, labelKeyPaths } from './label-keys.ts';
import { openRuns, type Runs } from './runs.ts';
import { vaultMigrations } from './schema.ts';

export interface OfficialRow {
  readonly id: string;
  readonly row: number;
}

/** The hidden rows of a version, in the order of the public test.csv. */
export interface HiddenRows {
  readonly ids: readonly string[];
  /** Index into `splitCodes`. */
  readonly splits: Uint8Array;
  /** The splits whose labels are here. */
  readonly opens: readonly SplitName[];
  /** Class indexes, numbers or codes of texts, as many a row as there are answer columns; NaN where unknown, and in other splits. */
  readonly truth: Float64Array;
  /** What truth and baseline are codes of, where the task takes texts. */
  readonly texts?: readonly string[];
  /** The official test rows in the order of the official sample submission: their id there and their row here. */
  readonly official: readonly OfficialRow[];
  readonly baseline: Baseline;
}

export interface NewVersion {
  readonly version: string;
  readonly contentDigest: string;
  readonly secret: Buffer;
  readonly description: TaskDescription;
  /** The text of grade.py, where the task has its own grader. */
  readonly grader?: string;
  readonly bundle: Buffer;
  readonly bundleDigest: string;
  readonly hidden: Omit<HiddenRows, 'opens'>;
}

export interface VaultOptions {
  /** Where the keys of the labels are; in the state directory unless stated. */
  readonly keys?: LabelKeyPaths;
  /** The splits whose labels may be read here; all unless stated. */
  readonly opens?: readonly SplitName[];
  /** The book's file, or `:memory:`; vault.sqlite in the state directory unless stated. */
  readonly book?: string;
}

export interface Vault {
  readonly database: Database;
  readonly runs: Runs;
  /** The task by name (its current version) or by `name@version`. */
  findTask(reference: string): StoredTask | undefined;
  taskOfVersion(version: string): StoredTask | undefined;
  /** Current versions, by name, from after `afterName`. */
  listTasks(afterName: string, limit: number): StoredTask[];
  /** The version with that content, where it was imported before. */
  findContent(name: string, contentDigest: string): string | undefined;
  /** Stores a version and makes it the one that new runs get. */
  addVersion(version: NewVersion): void;
  makeCurrent(name: string, version: string): void;
  /** The rows; their ids are read where they are asked for. */
  hiddenRows(version: string): HiddenRows;
  /** The text of the version's grade.py, where it has one. */
  graderProgram(version: string): string | undefined;
  /** The ids of the hidden rows as the bytes of a JSON list: a million of them as strings would take 60 MB. */
  hiddenIds(version: string): Uint8Array;
  /** A number from the version's secret and that text, which nobody can compute without the secret. */
  secretNumber(version: string, text: string): string;
  /** Throws a LabelKeyError where a key that is needed here is missing or another one. */
  checkKeys(): void;
  /** Gives the labels new keys; whoever has opened them already goes on with what it has. */
  changeKeys(): void;
  /** Task versions whose labels lay in the clear, and were locked when this was opened. */
  readonly lockedOnOpening: number;
  /** The bundle's tar, in chunks. */
  readBundle(bundleDigest: string, chunkBytes: number): AsyncGenerator<Buffer>;
  close(): void;
}

interface VersionRow {
  version: string;
  name: string;
  description: string;
  bundle_digest: string;
  bundle_bytes: number;
}

/** Opens or creates the vault in the evaluator's state directory. */
export function openVault(stateDirectory: string, options: VaultOptions = {}): Vault {
  const { keys = labelKeyPaths(stateDirectory), opens = splitCodes } = options;
  const bundles = join(stateDirectory, 'bundles');
  mkdirSync(bundles, { recursive: true, mode: 0o700 });
  chmodSync(stateDirectory, 0o700);
  const database = openBook(options.book ?? join(stateDirectory, 'vault.sqlite'));
  const lockedOnOpening = lockPlainLabels(database, keys);
  const one = (sql: string, ...params: string[]): StoredTask | undefined => {
    const row = database.get<VersionRow>(sql, ...params);
    return row === undefined ? undefined : storedTask(row);
  };
  const makeCurrent = (name: string, version: string): void => {
    const sql =
      'INSERT INTO tasks (name, version) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version';
    database.run(sql, name, version);
  };
  return {
    database,
    runs: openRuns(database),
    findTask(reference) {
      const [name = '', version] = reference.split('@');
      if (version === undefined) {
        return one('SELECT v.* FROM tasks t JOIN task_versions v ON v.version = t.version WHERE t.name = ?', name);
      }
      return one('SELECT * FROM task_versions WHERE name = ? AND version = ?', name, version);
    },
    taskOfVersion: (version) => one('SELECT * FROM task_versions WHERE version = ?', version),
    listTasks: (afterName, limit) =>
      database
        .all<VersionRow>(
          `SELECT v.* FROM tasks t JOIN task_versions v ON v.version = t.version
           WHERE t.name > ? ORDER BY t.name LIMIT ?`,
          afterName,
          limit,
        )
        .map(storedTask),
    findContent: (name, contentDigest) =>
      database.get<{ version: string }>(
        'SELECT version FROM task_versions WHERE name = ? AND content_digest = ?',
        name,
        contentDigest,
      )?.version,
    addVersion(added) {
      writeBundle(bundles, added.bundleDigest, added.bundle);
      database.transaction(() => {
        insertVersion(database, keys, added);
        makeCurrent(added.description.name, added.version);
      });
    },
    makeCurrent,
    hiddenRows: (version) =>
      readHiddenRows(database, version, (splits, before) => ({
        opens,
        ...readLabels(database, keys, version, splits, opens, before),
      })),
    graderProgram: (version) =>
      database.get<{ grader: string | null }>('SELECT grader FROM task_versions WHERE version = ?', version)?.grader ??
      undefined,
    hiddenIds: (version) => readHiddenIds(database, version),
    secretNumber(version, text) {
      const row = database.get<{ secret: Uint8Array }>('SELECT secret FROM task_versions WHERE version = ?', version);
      if (row === undefined) throw noRows(version);
      return createHmac('sha256', row.secret).update(text).digest('hex');
    },
    checkKeys: () => checkLabelKeys(database, keys, opens),
    changeKeys: () => changeLabelKeys(database, keys),
    lockedOnOpening,
    readBundle: (bundleDigest, chunkBytes) => readChunks(join(bundles, `${bundleDigest}.tar`), chunkBytes),
    close: () => database.close(),
  };
}

function openBook(path: string): Database {
  return openDatabase({ path, migrations: vaultMigrations });
}

function storedTask(row: VersionRow): StoredTask {
  return {
    version: row.version,
    bundleDigest: row.bundle_digest,
    bundleBytes: row.bundle_bytes,
    description: JSON.parse(row.description) as TaskDescription,
  };
}

/** Writes the bundle under its digest: complete and on disk, or not there. */
function writeBundle(directory: string, bundleDigest: string, bytes: Buffer): void {
  const path = join(directory, `${bundleDigest}.tar`);
  if (existsSync(path)) return;
  const temporary = `${path}.partial`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const parent = openSync(directory, 'r');
  fsyncSync(parent);
  closeSync(parent);
}

async function* readChunks(path: string, chunkBytes: number): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function insertVersion(database: Database, keys: LabelKeyPaths, added: NewVersion): void {
  database.run(
    `INSERT INTO task_versions
       (version, name, content_digest, description, secret, bundle_digest, bundle_bytes, grader)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    added.version,
    added.description.name,
    added.contentDigest,
    JSON.stringify(added.description),
    added.secret,
    added.bundleDigest,
    added.bundle.length,
    added.grader ?? null,
  );
  const { hidden, version } = added;
  const baseline = hidden.texts === undefined ? undefined : recode(hidden.baseline.row, hidden.texts);
  database.run(
    `INSERT INTO hidden_rows (version, ids, splits, truth, texts, official, baseline_name, baseline_row)
     VALUES (?, ?, ?, zeroblob(0), ?, ?, ?, ?)`,
    version,
    JSON.stringify(hidden.ids),
    hidden.splits,
    baseline === undefined ? null : JSON.stringify(baseline.texts),
    JSON.stringify(hidden.official),
    hidden.baseline.name,
    doubleBytes(baseline?.codes ?? hidden.baseline.row),
  );
  writeLabels(database, keys, version, hidden.splits, hidden);
}

interface HiddenRecord {
  splits: Uint8Array;
  texts: string | null;
  official: string;
  baseline_name: string;
  baseline_row: Uint8Array;
}

function noRows(version: string): Error {
  return new Error(`the vault has no rows of task version ${version}`);
}

function readHiddenIds(database: Database, version: string): Uint8Array {
  const sql = 'SELECT CAST(ids AS BLOB) AS ids FROM hidden_rows WHERE version = ?';
  const row = database.get<{ ids: Uint8Array }>(sql, version);
  if (row === undefined) throw noRows(version);
  return row.ids;
}

type OpenLabels = (splits: Uint8Array, before: readonly string[]) => Pick<HiddenRows, 'opens' | 'truth' | 'texts'>;

function readHiddenRows(database: Database, version: string, open: OpenLabels): HiddenRows {
  const sql = 'SELECT splits, texts, official, baseline_name, baseline_row FROM hidden_rows WHERE version = ?';
  const row = database.get<HiddenRecord>(sql, version);
  if (row === undefined) throw noRows(version);
  let ids: readonly string[] | undefined;
  let official: readonly OfficialRow[] | undefined;
  // The baseline's texts come first, so that its codes stay what they are.
  const labels = open(row.splits, row.texts === null ? [] : (JSON.parse(row.texts) as string[]));
  return {
    get ids() {
      ids ??= JSON.parse(Buffer.from(readHiddenIds(database, version)).toString('utf8')) as string[];
      return ids;
    },
    splits: row.splits,
    ...labels,
    get official() {
      official ??= JSON.parse(row.official) as OfficialRow[];
      return official;
    },
    baseline: { name: row.baseline_name, row: doublesOf(row.baseline_row) },
  };
}
