// The keys of the labels: one pair for the search rows, one for the validation and official test rows. The public halves are in the
// vault, so that tasks can be imported where no private one is; each private half is a file that only its process reads.
//
// Invariants: 1. A key file has mode 0600 from its first byte and is never overwritten. 2. A private key that does not belong
// to the vault's public one is told with its path before anything is opened with it. 3. A change of keys moves key files only while
// it holds the vault's write lock, and a file that fits the vault is neither removed nor replaced: cut off anywhere, or two at
// once, the labels can still be opened.

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Database } from '../../shared/store/sqlite.ts';
import { newKeyPair, publicKeyOf } from './label-lock.ts';

export const labelKeyNames = ['search', 'validation'] as const;
export type LabelKeyName = (typeof labelKeyNames)[number];

/** Where the private halves are. */
export type LabelKeyPaths = Readonly<Record<LabelKeyName, string>>;

/** A key cannot be had; `message` says what to do. */
export class LabelKeyError extends Error {}

/** Where a key is: as configured, else among systemd's credentials, else in the state directory. */
export function labelKeyPaths(
  stateDirectory: string,
  configured: Partial<Readonly<Record<LabelKeyName, string>>> = {},
  credentialsDirectory?: string,
): LabelKeyPaths {
  const pathOf = (name: LabelKeyName): string => {
    const told = configured[name] ?? '';
    if (told !== '') return told;
    const credential = credentialsDirectory === undefined ? '' : join(credentialsDirectory, fileName(name));
    return credential !== '' && existsSync(credential) ? credential : join(stateDirectory, 'keys', fileName(name));
  };
  return { search: pathOf('search'), validation: pathOf('validation') };
}

function fileName(name: LabelKeyName): string {
  return `labels-${name}.key`;
}

/** The vault's public keys; made with their private halves where the vault has none yet. */
export function ensureLabelKeys(database: Database, paths: LabelKeyPaths): Record<LabelKeyName, Uint8Array> {
  const publicKey = (name: LabelKeyName): Uint8Array =>
    storedKey(database, name) ??
    database.transaction(() => {
      // Another process may have been first.
      const known = storedKey(database, name);
      if (known !== undefined) return known;
      const made = existsSync(paths[name]) ? publicKeyOf(readKeyFile(name, paths[name])) : createKeyFile(paths[name]);
      storeKey(database, name, made);
      return made;
    });
  return { search: publicKey('search'), validation: publicKey('validation') };
}

/** The private key of that name, which fits the vault's public one. */
export function privateLabelKey(database: Database, paths: LabelKeyPaths, name: LabelKeyName): Buffer {
  const path = paths[name];
  const found = fittingKey(database, path, name);
  if (found !== undefined) return found.key;
  // Where the file itself is missing or spoilt, that is what has to be said.
  readKeyFile(name, path);
  throw new LabelKeyError(
    `${path} is not the ${name} key that the labels of this vault are locked with; put that one back from its backup`,
  );
}

/**
 * Makes a new pair; `relock` locks everything to its public half, and only after the commit does the file take the place of the
 * old one. Throws where another process holds the vault's write lock; a new key that was committed by then lies beside the old one.
 */
export function changeLabelKey(
  database: Database,
  paths: LabelKeyPaths,
  name: LabelKeyName,
  relock: (oldKey: Buffer, newPublicKey: Buffer) => void,
): void {
  const path = paths[name];
  database.transaction(() => {
    putInPlace(database, path, name);
    const oldKey = privateLabelKey(database, paths, name);
    const { publicKey, privateKey } = newKeyPair();
    const beside = pathBeside(path, publicKey);
    writeKeyFile(beside, privateKey);
    try {
      relock(oldKey, publicKey);
      database.run('UPDATE label_keys SET public_key = ? WHERE name = ?', publicKey, name);
    } catch (error) {
      // No commit was tried, so nothing is locked to it. After one that failed it stays: the disk may know better.
      rmSync(beside, { force: true });
      throw error;
    }
  });
  database.transaction(() => putInPlace(database, path, name));
}

/** Finishes a change of keys that was cut off after its commit. Inside a transaction: nobody else moves key files meanwhile. */
function putInPlace(database: Database, path: string, name: LabelKeyName): void {
  const found = fittingKey(database, path, name);
  if (found === undefined || found.path === path) return;
  renameSync(found.path, path);
  syncDirectory(dirname(path));
}

/** The key that fits the vault's public one, and where it is: in its place, or beside it after a change that was cut off. */
function fittingKey(
  database: Database,
  path: string,
  name: LabelKeyName,
): { readonly path: string; readonly key: Buffer } | undefined {
  const stored = storedKey(database, name);
  if (stored === undefined) return undefined;
  // The last is what earlier versions called every new key.
  for (const candidate of [path, pathBeside(path, stored), `${path}.new`]) {
    try {
      const key = readKeyFile(name, candidate);
      if (publicKeyOf(key).equals(stored)) return { path: candidate, key };
    } catch (error) {
      if (!(error instanceof LabelKeyError)) throw error;
    }
  }
  return undefined;
}

/** Where a new key waits for its place. Named by its public half: no two are the same, and who knows the vault's finds its own. */
function pathBeside(path: string, publicKey: Uint8Array): string {
  return `${path}.new-${Buffer.from(publicKey).toString('hex').slice(0, 16)}`;
}

function storedKey(database: Database, name: LabelKeyName): Uint8Array | undefined {
  return database.get<{ public_key: Uint8Array }>('SELECT public_key FROM label_keys WHERE name = ?', name)?.public_key;
}

function storeKey(database: Database, name: LabelKeyName, publicKey: Uint8Array): void {
  database.run('INSERT INTO label_keys (name, public_key) VALUES (?, ?)', name, publicKey);
}

/** Makes a pair and writes its private half; the public one. */
function createKeyFile(path: string): Buffer {
  const { publicKey, privateKey } = newKeyPair();
  writeKeyFile(path, privateKey);
  return publicKey;
}

/** Writes a private key as hex; on return the file and its name are on disk. */
function writeKeyFile(path: string, privateKey: Buffer): void {
  const made = mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${privateKey.toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  syncDirectory(dirname(path));
  if (made !== undefined) syncDirectory(dirname(made));
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function readKeyFile(name: LabelKeyName, path: string): Buffer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const message = `the ${name} key of the labels cannot be read at ${path}; put it there from its backup, readable by the evaluator alone`;
    throw new LabelKeyError(message, { cause: error });
  }
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, 'hex');
  throw new LabelKeyError(`${path} holds no key of labels: 64 hexadecimal digits are expected`);
}
