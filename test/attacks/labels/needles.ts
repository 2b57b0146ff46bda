// Labels as they may lie in a file, in memory or on a wire, and where they are found.

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Every regular file below the directory, but those below an excluded one; a directory that goes away is none. */
export function filesBelow(
  directory: string,
  { excluded, since = 0 }: { excluded?: string; since?: number } = {},
): string[] {
  const entries = (() => {
    try {
      return readdirSync(directory, { withFileTypes: true });
    } catch {
      return [];
    }
  })();
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (path === excluded) return [];
    if (entry.isDirectory()) return filesBelow(path, { ...(excluded === undefined ? {} : { excluded }), since });
    return entry.isFile() && isSince(path, since) ? [path] : [];
  });
}

function isSince(path: string, since: number): boolean {
  if (since === 0) return true;
  return (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0) >= since;
}

/** A label as it may be written: its digits (a leak that rounds the last ones away is a leak as well), or its 8 bytes. */
function needlesOf(token: string): Buffer[] {
  const littleEndian = Buffer.alloc(8);
  littleEndian.writeDoubleLE(Number(token));
  return [Buffer.from(token.slice(2, 14)), littleEndian, Buffer.from(littleEndian).reverse()];
}

/** The tokens that the bytes hold. */
export function tokensIn(bytes: Buffer, tokens: readonly string[]): string[] {
  return tokens.filter((token) => needlesOf(token).some((form) => bytes.includes(form)));
}

/** Each place where a token was found; a file that has gone meanwhile holds none. */
export function hits(paths: readonly string[], tokens: readonly string[]): { path: string; token: string }[] {
  return paths.flatMap((path) => {
    try {
      return tokensIn(readFileSync(path), tokens).map((token) => ({ path, token }));
    } catch {
      return [];
    }
  });
}

const windowBytes = 4 * 2 ** 20;

/** The tokens that lie as 8 bytes in what a process may write of its memory, and how many bytes that was. Needs root. */
export function tokensInMemory(pid: number, tokens: readonly string[]): { found: Set<string>; bytes: number } {
  const needles = tokens.map((token) => ({ token, form: needlesOf(token)[1] ?? Buffer.alloc(0) }));
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const window = Buffer.alloc(windowBytes);
  let bytes = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    for (let at = BigInt(`0x${from}`); at < BigInt(`0x${to}`); at += BigInt(windowBytes - 8)) {
      const wanted = Number(BigInt(`0x${to}`) - at);
      try {
        const read = readSync(memory, window, 0, Math.min(windowBytes, wanted), at);
        bytes += read;
        const part = window.subarray(0, read);
        for (const { token, form } of needles) if (part.includes(form)) found.add(token);
      } catch {
        // Reserved and never touched, or given back since: there is nothing to read.
      }
    }
  }
  closeSync(memory);
  return { found, bytes };
}
