// Names of packages and wheels, and the lock of what a solution needs. Everything here comes from a sandbox or from an
// index, so only what is exactly of the right form is let through.

import { err, ok, type Result } from '../../shared/core/result.ts';

/** The file beside main.py that pins what the clean-slate run installs first. */
export const lockName = 'requirements.lock';
/** Where the sandbox's pip keeps it until the solution is taken. */
export const lockPath = `/work/${lockName}`;
/** More than any solution needs, and little to read. */
export const maxLockBytes = 64 * 1024;
const maxPackages = 200;

/** PEP 503: one spelling for each name. */
export function normalName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** In the order of their code units, which no locale changes. */
export function ascending(names: Iterable<string>): string[] {
  return [...names].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

/** True for a name as PEP 508 allows it. */
export function isPackageName(name: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?$/.test(name);
}

/** A wheel's file name, which says whose it is; undefined where it is no wheel's. */
export function projectOfWheel(fileName: string): string | undefined {
  const pattern =
    /^([A-Za-z0-9](?:[A-Za-z0-9._]{0,100}[A-Za-z0-9])?)-[A-Za-z0-9._!+]{1,80}(?:-[A-Za-z0-9._]{1,80}){3,4}\.whl$/;
  const [, name] = pattern.exec(fileName) ?? [];
  return name === undefined ? undefined : normalName(name);
}

/** The lock with one package a line in order, or what is wrong with it. */
export function readLock(text: string): Result<string, string> {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > maxPackages) return err(`it names more than ${maxPackages} packages`);
  const pattern = /^([A-Za-z0-9._-]+)==[A-Za-z0-9._!+]{1,80} --hash=sha256:[0-9a-f]{64}$/;
  const names = new Set<string>();
  for (const line of lines) {
    const [, name = ''] = pattern.exec(line) ?? [];
    if (!isPackageName(name))
      return err(`a line is not NAME==VERSION --hash=sha256:…: ${JSON.stringify(line.slice(0, 120))}`);
    if (names.has(normalName(name))) return err(`it names ${name} twice`);
    names.add(normalName(name));
  }
  return ok(lines.length === 0 ? '' : `${ascending(lines).join('\n')}\n`);
}
