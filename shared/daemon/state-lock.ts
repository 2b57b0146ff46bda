// One daemon a state directory: two on the same journal or book ruin what either of them does.
// Invariants: 1. The lock goes with its process, kill -9 included, so nothing that is left behind refuses the next one. 2. Who only reads
// (`replay`, `config check`, a backup) takes no lock and is never in the way.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { delay, systemClock } from '../clock.ts';
import { holdFile } from '../store/sqlite.ts';

export interface StateLock {
  release(): void;
}

/** Somebody else works on the directory; the message says who, and what to do. */
export class StateDirectoryTaken extends Error {
  override readonly name = 'StateDirectoryTaken';
}

/** One that was killed or told to stop a moment ago may still be ending. */
const patienceMs = 5000;
const lookMs = 100;

/** Locks that are held, so that none is collected as garbage and given up by that. */
const held = new Set<StateLock>();

/** Takes the directory, which is made where it is missing, for this process; throws `StateDirectoryTaken`. */
export async function lockState(stateDirectory: string, name: string, waitMs = patienceMs): Promise<StateLock> {
  const directory = resolve(stateDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'lock.sqlite');
  const deadline = systemClock.monotonicMs() + waitMs;
  let found = holdFile(path);
  while (found === undefined && systemClock.monotonicMs() < deadline) {
    await delay(systemClock, lookMs);
    found = holdFile(path);
  }
  const holderFile = join(directory, 'lock.holder');
  if (found === undefined) {
    throw new StateDirectoryTaken(`${holderIn(holderFile, name)} works on ${directory}; stop it first`);
  }
  sayHolder(holderFile, name);
  const { release } = found;
  const lock: StateLock = {
    release() {
      held.delete(lock);
      release();
    },
  };
  held.add(lock);
  return lock;
}

/** Only for the sentence above: a full disk is no reason not to start. */
function sayHolder(path: string, name: string): void {
  try {
    writeFileSync(path, `${name} (pid ${process.pid})\n`, { mode: 0o600 });
  } catch {
    // Then the sentence names nobody.
  }
}

function holderIn(path: string, name: string): string {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (!/^[a-z -]+ \(pid \d+\)$/.test(text)) return 'another process';
    return text.startsWith(`${name} (`) ? `another ${text}` : text;
  } catch {
    return 'another process';
  }
}
