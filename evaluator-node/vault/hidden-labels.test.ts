import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Database } from '../../shared/store/sqlite.ts';
import { makeTasks } from '../../test/support/attacked-evaluator.ts';
import { doubleBytes } from './doubles.ts';
import { changeLabelKeys } from './hidden-labels.ts';
import { labelKeyPaths } from './label-keys.ts';
import { createTaskLoader, truthOf } from './scoring.ts';
import { openVault, type Vault } from './vault.ts';

const search = [0.123456789012345, 2, 3];
const validation = [0.987654321098765, 5];

/** A vault with one task; its directory. */
function vaultOfOne(): string {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-locked-'));
  makeTasks(directory, [{ name: 'one', metric: 'mae', feedback: 'exact', search, validation }]);
  return directory;
}

function within<Value>(vault: Vault, use: (vault: Vault, version: string) => Value): Value {
  try {
    return use(vault, vault.findTask('one')?.version ?? '');
  } finally {
    vault.close();
  }
}

const truthIn = (vault: Vault): number[] => within(vault, (opened, version) => [...opened.hiddenRows(version).truth]);

/** True where one of the labels lies in a file of the directory as its eight bytes. */
function isInTheClear(directory: string): boolean {
  return [...search, ...validation].some((label) => {
    if (Number.isInteger(label)) return false;
    const needle = Buffer.from(doubleBytes(Float64Array.of(label)));
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .some((entry) => readFileSync(join(directory, entry.name)).includes(needle));
  });
}

test('labels are locked at rest, and come back whole with both keys', () => {
  const directory = vaultOfOne();
  expect(isInTheClear(directory)).toBe(false);
  expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
  for (const path of Object.values(labelKeyPaths(directory))) expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('with the search key alone the search rows are read, and nothing can read another one', () => {
  const directory = vaultOfOne();
  rmSync(labelKeyPaths(directory).validation);
  expect(truthIn(openVault(directory, { opens: ['search'] }))).toEqual([...search, Number.NaN, Number.NaN]);
  expect(() => truthIn(openVault(directory))).toThrow('labels-validation.key; put it there from its backup');
  within(openVault(directory, { opens: ['search'] }), (vault, version) => {
    const task = vault.taskOfVersion(version);
    if (task === undefined) throw new Error('no task');
    const loaded = createTaskLoader(vault)(task);
    expect([...truthOf(loaded, 'search').truth]).toEqual(search);
    expect(() => truthOf(loaded, 'validation')).toThrow('labels of the validation rows are not open here');
  });
});

test('a task is imported without any private key, and a missing or foreign one is told with its path', () => {
  const directory = vaultOfOne();
  const { search: path } = labelKeyPaths(directory);
  const other = vaultOfOne();
  rmSync(path);
  makeTasks(directory, [{ name: 'two', metric: 'mae', feedback: 'exact', search, validation }]);
  expect(existsSync(path)).toBe(false);
  expect(() => within(openVault(directory), (vault) => vault.checkKeys())).toThrow(`cannot be read at ${path}`);
  copyFileSync(labelKeyPaths(other).search, path);
  expect(() => within(openVault(directory), (vault) => vault.checkKeys())).toThrow(`${path} is not the search key`);
  writeFileSync(path, 'nonsense\n');
  expect(() => within(openVault(directory), (vault) => vault.checkKeys())).toThrow(`${path} holds no key of labels`);
});

test('labels that an earlier version wrote in the clear are locked when the vault is opened, and leave no trace', () => {
  const directory = vaultOfOne();
  within(openVault(directory), ({ database }) => {
    const truth = doubleBytes(Float64Array.of(...search, ...validation));
    database.run('UPDATE hidden_rows SET truth = ?', truth);
    database.run('DELETE FROM hidden_labels');
  });
  expect(isInTheClear(directory)).toBe(true);
  const opened = openVault(directory, { opens: ['search'] });
  expect(opened.lockedOnOpening).toBe(1);
  opened.close();
  expect(isInTheClear(directory)).toBe(false);
  expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
});

test('texts of one split are not among those of another', () => {
  const directory = vaultOfOne();
  within(openVault(directory), (vault, version) => {
    const task = vault.taskOfVersion(version);
    if (task === undefined) throw new Error('no task');
    vault.addVersion({
      ...{ version: 'texts', contentDigest: 'texts', secret: Buffer.alloc(32), bundle: Buffer.alloc(0) },
      ...{ bundleDigest: 'texts', description: { ...task.description, name: 'texts' } },
      hidden: {
        ids: ['r0', 'r1', 'r2', 'r3'],
        splits: Uint8Array.of(1, 0, 1, 2),
        truth: Float64Array.of(1, 0, 2, Number.NaN),
        texts: ['seen', 'secret', 'hidden', 'usual'],
        official: [],
        baseline: { name: 'mode', row: Float64Array.of(3) },
      },
    });
  });
  const rowsIn = (opens: readonly ('search' | 'validation' | 'test')[]) =>
    within(openVault(directory, { opens }), (vault) => vault.hiddenRows('texts'));
  const searchOnly = rowsIn(['search']);
  expect(searchOnly.texts).toEqual(['usual', 'seen']);
  expect([...searchOnly.truth]).toEqual([Number.NaN, 1, Number.NaN, Number.NaN]);
  const all = rowsIn(['search', 'validation', 'test']);
  expect(Array.from(all.truth, (code) => all.texts?.[code])).toEqual(['secret', 'seen', 'hidden', undefined]);
  expect(all.texts?.[all.baseline.row[0] ?? -1]).toBe('usual');
});

test('new keys open what the old ones did, also where the change was cut off after its commit', () => {
  const directory = vaultOfOne();
  const paths = labelKeyPaths(directory);
  const before = readFileSync(paths.search, 'utf8');
  within(openVault(directory), (vault) => vault.changeKeys());
  const after = readFileSync(paths.search, 'utf8');
  expect(after).not.toBe(before);
  expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
  // As if the process had died between the commit and the renaming.
  copyFileSync(paths.search, `${paths.search}.new`);
  writeFileSync(paths.search, before);
  expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
  rmSync(`${paths.search}.new`);
  expect(() => truthIn(openVault(directory))).toThrow('is not the search key');
});

/** Changes keys over a database of which some calls are others, as where a process dies or another one comes between. */
function changeKeysWith(directory: string, others: (database: Database) => Partial<Database>): void {
  within(openVault(directory), ({ database }) =>
    changeLabelKeys({ ...database, ...others(database) }, labelKeyPaths(directory)),
  );
}

/** Leaves a directory as a process does that dies between the commit and the renaming; where the new search key lies. */
function cutOffAfterCommit(directory: string): string {
  const { search: path } = labelKeyPaths(directory);
  const before = readFileSync(path, 'utf8');
  const transaction = (database: Database) => (fn: () => unknown) => {
    database.transaction(fn);
    throw new Error('cut off');
  };
  expect(() =>
    changeKeysWith(directory, (database) => ({ transaction: transaction(database) as Database['transaction'] })),
  ).toThrow('cut off');
  expect(readFileSync(path, 'utf8')).toBe(before);
  const beside = readdirSync(dirname(path)).filter((name) => name.includes('.new'));
  expect(beside).toHaveLength(1);
  return join(dirname(path), beside[0] ?? '');
}

const failing = (): Partial<Database> => ({
  all: () => {
    throw new Error('disk full');
  },
});

test.each(['', 'as an earlier version named it'])(
  'a change that fails after one that was cut off loses no key %s',
  (old) => {
    const directory = vaultOfOne();
    const { search: path } = labelKeyPaths(directory);
    const beside = cutOffAfterCommit(directory);
    const good = readFileSync(beside, 'utf8');
    if (old !== '') renameSync(beside, `${path}.new`);
    expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
    expect(() => changeKeysWith(directory, failing)).toThrow('disk full');
    expect(readFileSync(path, 'utf8')).toBe(good);
    expect(readdirSync(dirname(path)).filter((name) => name.includes('.new'))).toEqual([]);
    expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
  },
);

test('of two changes at once the second is refused, or comes after the first, and no key is lost', () => {
  const directory = vaultOfOne();
  within(openVault(directory), (second) => {
    second.database.get('PRAGMA busy_timeout = 0');
    let refused = 0;
    changeKeysWith(directory, (database) => ({
      all: ((sql: string) => {
        expect(() => second.changeKeys()).toThrow('database is locked');
        refused += 1;
        return database.all(sql);
      }) as Database['all'],
    }));
    expect(refused).toBe(2);
    expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
    // The second comes after each commit of the first, so also before its renaming.
    changeKeysWith(directory, (database) => ({
      transaction: ((fn: () => unknown) => {
        database.transaction(fn);
        second.changeKeys();
      }) as Database['transaction'],
    }));
  });
  expect(truthIn(openVault(directory))).toEqual([...search, ...validation]);
  expect(readdirSync(dirname(labelKeyPaths(directory).search)).sort()).toEqual([
    'labels-search.key',
    'labels-validation.key',
  ]);
});
