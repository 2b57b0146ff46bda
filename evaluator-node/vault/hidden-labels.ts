// The labels of the hidden rows in the vault's database, each split locked to its own key (label-lock.ts).
//
// Owns: the tables hidden_labels and label_keys. Invariants: 1. No label is in a database file in the clear: those that an
// earlier version wrote so are locked when the vault is opened, and their pages are wiped. 2. Opening a split needs its key
// alone: what the search rows are read with opens no other row.

import type { Database } from '../../shared/store/sqlite.ts';
import { release } from '../core/release.ts';
import { doubleBytes, doublesOf } from './doubles.ts';
import {
  changeLabelKey,
  ensureLabelKeys,
  type LabelKeyName,
  type LabelKeyPaths,
  privateLabelKey,
} from './label-keys.ts';
import { lock, unlock, unlockWhole } from './label-lock.ts';

/** Where a hidden row belongs, as stored: 0 search, 1 validation, 2 official test. */
export const splitCodes = ['search', 'validation', 'test'] as const;
export type SplitName = (typeof splitCodes)[number];

/** Which key opens a split: whoever may see validation labels may see those of the test rows. */
const keyOf: Readonly<Record<SplitName, LabelKeyName>> = {
  search: 'search',
  validation: 'validation',
  test: 'validation',
};

/** Labels of all hidden rows, row-major, and what they are codes of where they are texts. */
export interface Labels {
  /** NaN where a label is unknown, or its split was not opened. */
  readonly truth: Float64Array;
  readonly texts?: readonly string[];
}

interface LockedSplit {
  truth: Uint8Array;
  texts: Uint8Array | null;
}

/** Locks the labels split by split and writes them; inside the transaction that writes their version. */
export function writeLabels(
  database: Database,
  paths: LabelKeyPaths,
  version: string,
  splits: Uint8Array,
  { truth, texts }: Labels,
): void {
  const keys = ensureLabelKeys(database, paths);
  const width = truth.length / splits.length || 0;
  for (const [code, split] of splitCodes.entries()) {
    const own = splits.reduce((count, each) => count + (each === code ? 1 : 0), 0);
    const values = new Float64Array(own * width);
    let at = 0;
    for (let row = 0; row < splits.length; row += 1) {
      if (splits[row] !== code) continue;
      values.set(truth.subarray(row * width, (row + 1) * width), at);
      at += width;
    }
    const coded = texts === undefined ? undefined : recode(values, texts);
    const key = keys[keyOf[split]];
    database.run(
      'INSERT INTO hidden_labels (version, split, truth, texts) VALUES (?, ?, ?, ?)',
      version,
      split,
      lock(key, contextOf(version, split, 'truth'), doubleBytes(coded?.codes ?? values)),
      coded === undefined
        ? null
        : lock(key, contextOf(version, split, 'texts'), Buffer.from(JSON.stringify(coded.texts))),
    );
  }
}

/** The texts that the codes name, and the codes into those alone: the texts of other splits are none of this one's business. */
export function recode(codes: Float64Array, texts: readonly string[]): { codes: Float64Array; texts: string[] } {
  const known = new Map<number, number>();
  const fresh = codes.map((code) => {
    if (Number.isNaN(code)) return code;
    const place = known.get(code) ?? known.size;
    known.set(code, place);
    return place;
  });
  return { codes: fresh, texts: [...known.keys()].map((code) => texts[code] ?? '') };
}

/** Opens some splits. `before` are texts that come before those of the labels. */
export function readLabels(
  database: Database,
  paths: LabelKeyPaths,
  version: string,
  splits: Uint8Array,
  opens: readonly SplitName[],
  before: readonly string[],
): Labels {
  const sql = 'SELECT truth, texts FROM hidden_labels WHERE version = ? AND split = ?';
  const keys = new Map<LabelKeyName, Buffer>();
  let truth: Float64Array | undefined;
  let texts: string[] | undefined;
  for (const split of opens) {
    const locked = database.get<LockedSplit>(sql, version, split);
    if (locked === undefined) throw new Error(`the vault has no labels of task version ${version}, split ${split}`);
    const name = keyOf[split];
    const key = keys.get(name) ?? privateLabelKey(database, paths, name);
    keys.set(name, key);
    const first = (texts ?? before).length;
    const opened = openValues(key, contextOf(version, split, 'truth'), locked.truth);
    const own = rowsOf(splits, split);
    const width = own.length === 0 ? 0 : opened.length / own.length;
    if (width > 0) truth ??= new Float64Array(splits.length * width).fill(Number.NaN);
    own.forEach((row, index) => {
      for (let column = 0; column < width; column += 1) {
        const value = opened[index * width + column] ?? Number.NaN;
        if (truth !== undefined) truth[row * width + column] = locked.texts === null ? value : value + first;
      }
    });
    for (const column of [opened, own, locked.truth]) release(column);
    if (locked.texts === null) continue;
    const list = unlockWhole(key, contextOf(version, split, 'texts'), locked.texts).toString('utf8');
    texts = [...(texts ?? before), ...(JSON.parse(list) as string[])];
  }
  return { truth: truth ?? new Float64Array(splits.length), ...(texts === undefined ? {} : { texts }) };
}

function openValues(key: Buffer, context: string, locked: Uint8Array): Float64Array {
  // Longer than what comes out by the tags, of which there is one in 64 KiB.
  const bytes = new Uint8Array(Math.ceil(locked.length / 8) * 8);
  let length = 0;
  unlock(key, context, locked, (chunk, offset) => {
    bytes.set(chunk, offset);
    length = offset + chunk.length;
  });
  return new Float64Array(bytes.buffer, 0, length / Float64Array.BYTES_PER_ELEMENT);
}

/** Positions of the rows of a split. */
export function rowsOf(splits: Uint8Array, split: SplitName): Uint32Array {
  const code = splitCodes.indexOf(split);
  const rows = new Uint32Array(splits.reduce((count, each) => count + (each === code ? 1 : 0), 0));
  let count = 0;
  for (let row = 0; row < splits.length; row += 1) if (splits[row] === code) rows[count++] = row;
  return rows;
}

function contextOf(version: string, split: SplitName, part: 'truth' | 'texts'): string {
  return `${version} ${split} ${part}`;
}

interface PlainRecord {
  version: string;
  splits: Uint8Array;
  truth: Uint8Array;
  texts: string | null;
  baseline_row: Uint8Array;
}

/** Locks what an earlier version of this program wrote in the clear; how many task versions that were. */
export function lockPlainLabels(database: Database, paths: LabelKeyPaths): number {
  const sql = 'SELECT version, splits, truth, texts, baseline_row FROM hidden_rows WHERE length(truth) > 0 LIMIT 1';
  if (database.get(sql) === undefined) return 0;
  database.get('PRAGMA secure_delete = ON');
  let locked = 0;
  for (let plain = database.get<PlainRecord>(sql); plain !== undefined; plain = database.get<PlainRecord>(sql)) {
    const { version, splits, truth, texts, baseline_row: row } = plain;
    const list = texts === null ? undefined : (JSON.parse(texts) as string[]);
    const labels = { truth: doublesOf(truth), ...(list === undefined ? {} : { texts: list }) };
    database.transaction(() => {
      writeLabels(database, paths, version, splits, labels);
      const baseline = list === undefined ? undefined : recode(doublesOf(row), list);
      database.run(
        'UPDATE hidden_rows SET truth = zeroblob(0), texts = ?, baseline_row = ? WHERE version = ?',
        baseline === undefined ? null : JSON.stringify(baseline.texts),
        baseline === undefined ? row : doubleBytes(baseline.codes),
        version,
      );
    });
    locked += 1;
  }
  // Free pages and the log would hold the old bytes for as long as nothing else needed the room.
  database.run('VACUUM');
  database.get('PRAGMA wal_checkpoint(TRUNCATE)');
  return locked;
}

/** Gives the labels new keys: both, one after the other. Readers that are running have to be started again. */
export function changeLabelKeys(database: Database, paths: LabelKeyPaths): void {
  for (const name of ['search', 'validation'] as const) {
    changeLabelKey(database, paths, name, (oldKey, newPublicKey) => {
      const all = database.all<LockedSplit & { version: string; split: SplitName }>('SELECT * FROM hidden_labels');
      for (const { version, split, truth, texts } of all.filter((each) => keyOf[each.split] === name)) {
        const again = (part: 'truth' | 'texts', bytes: Uint8Array): Buffer => {
          const context = contextOf(version, split, part);
          return lock(newPublicKey, context, unlockWhole(oldKey, context, bytes));
        };
        database.run(
          'UPDATE hidden_labels SET truth = ?, texts = ? WHERE version = ? AND split = ?',
          again('truth', truth),
          texts === null ? null : again('texts', texts),
          version,
          split,
        );
      }
    });
  }
}

/** Throws a LabelKeyError where the keys of these splits do not fit the vault, which has some. */
export function checkLabelKeys(database: Database, paths: LabelKeyPaths, opens: readonly SplitName[]): void {
  ensureLabelKeys(database, paths);
  for (const name of new Set(opens.map((split) => keyOf[split]))) privateLabelKey(database, paths, name);
}
