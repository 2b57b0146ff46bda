// A look into the vault for dry runs. It is opened for reading alone: no file is made, no schema brought up to date, no key made.

import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openDatabase } from '../../shared/store/sqlite.ts';
import { type LabelKeyPaths, privateLabelKey } from './label-keys.ts';
import { vaultMigrations } from './schema.ts';

export interface VaultView {
  /** The version that new runs of the task get. */
  currentVersion(name: string): string | undefined;
  /** The version that has this content. */
  findContent(name: string, contentDigest: string): string | undefined;
  /** Throws where the labels could not be given new keys: a LabelKeyError, or the system's where a key file cannot be replaced. */
  checkKeyChange(keys: LabelKeyPaths): void;
  close(): void;
}

/** Undefined where there is no vault yet. */
export function viewVault(stateDirectory: string): VaultView | undefined {
  const path = join(stateDirectory, 'vault.sqlite');
  if (!existsSync(path)) return undefined;
  const database = openDatabase({ path, migrations: vaultMigrations, readOnly: true });
  const version = (sql: string, ...params: string[]): string | undefined =>
    database.get<{ version: string }>(sql, ...params)?.version;
  return {
    currentVersion: (name) => version('SELECT version FROM tasks WHERE name = ?', name),
    findContent: (name, digest) =>
      version('SELECT version FROM task_versions WHERE name = ? AND content_digest = ?', name, digest),
    checkKeyChange(keys) {
      for (const name of ['search', 'validation'] as const) {
        privateLabelKey(database, keys, name);
        accessSync(dirname(keys[name]), constants.W_OK);
      }
    },
    close: () => database.close(),
  };
}
