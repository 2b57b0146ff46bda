// What we are measured beside: found, or installed by the benchmark itself from Debian or npm, or named where it is missing.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resultPath } from './results.ts';

/** Debian's Python: its packages are not seen by another one. */
export const debianPython = '/usr/bin/python3';

/** Something of Debian, and a command that ends with 0 where it is there. */
export interface DebianPeer {
  readonly package: string;
  readonly probe: readonly string[];
}

/** A module of Debian's Python. */
export function pythonModule(module: string, name: string): DebianPeer {
  return { package: name, probe: [debianPython, '-c', `import ${module}`] };
}

/** A program on the path. */
export function program(command: string, name: string): DebianPeer {
  return { package: name, probe: ['which', command] };
}

/** Installs from Debian what is missing where we are root; throws with the command to type where it cannot. */
export function requireDebian(peers: readonly DebianPeer[]): void {
  const missing = (): string[] =>
    peers
      .filter(({ probe: [command = '', ...words] }) => spawnSync(command, words).status !== 0)
      .map((it) => it.package);
  const wanted = missing();
  if (wanted.length === 0) return;
  if (process.getuid?.() === 0) {
    process.stderr.write(`… installing ${wanted.join(', ')} from Debian\n`);
    const options = ['-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['install', ...options, ...wanted], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const still = missing();
  if (still.length > 0) throw new Error(`a peer is missing; on Debian: apt-get install -y ${still.join(' ')}`);
}

/**
 * Installs packages of npm for a benchmark alone, beside the results; gives the directory from which they can be required.
 * Throws where the registry cannot be reached.
 */
export function requireNpm(versions: Readonly<Record<string, string>>): string {
  const directory = resultPath('peers');
  const missing = Object.entries(versions).filter(([name, version]) => installedVersion(directory, name) !== version);
  if (missing.length === 0) return directory;
  mkdirSync(directory, { recursive: true });
  const wanted = missing.map(([name, version]) => `${name}@${version}`);
  process.stderr.write(`… installing ${wanted.join(', ')} from npm\n`);
  const words = ['install', '--prefix', directory, '--ignore-scripts', '--no-audit', '--no-fund', ...wanted];
  const { status, stderr } = spawnSync('npm', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`a peer is missing: npm ${words.join(' ')} failed\n${stderr}`);
  return directory;
}

function installedVersion(directory: string, name: string): string | undefined {
  const manifest = join(directory, 'node_modules', name, 'package.json');
  return existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version : undefined;
}

/** The first line that a command prints. */
export function versionOf(command: string, ...words: string[]): string {
  const { stdout, status } = spawnSync(command, words, { encoding: 'utf8' });
  return status === 0 ? (stdout.split('\n')[0] ?? '') : 'unknown';
}
