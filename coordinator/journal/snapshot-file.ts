// A state of the coordinator in a file beside its journal, so that a start folds only what came after it. A cache: the journal is
// the truth, and a snapshot that does not fit it in every respect is left alone.
//
// It fits where 1. its bytes hash to what its first line says; 2. the sources that give events their meaning are the same as when
// it was made; 3. the journal's event at its place is the same one. It is made from the journal by a process of its own
// (main-snapshot.ts), so it is always whole, and never ahead.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { sha256 } from '../../shared/store/digest.ts';
import type { State } from '../core/state.ts';

const fileName = 'snapshot.bin';
const root = join(import.meta.dirname, '..', '..');
const meaning = [join(root, 'coordinator', 'core'), join(root, 'shared', 'core')];

interface Header {
  readonly code: string;
  readonly sequence: number;
  readonly event: string;
  readonly payload: string;
}

/** The digest of all sources that say what an event means; another one drops every snapshot. */
function codeDigest(): string {
  const files = meaning.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.ts') && !name.includes('.test'))
      .sort()
      .map((name) => `${name}\n${readFileSync(join(directory, name), 'utf8')}`),
  );
  return sha256(`${process.version}\n${files.join('\n')}`);
}

/** Writes the state after the event whose row is given. */
export function writeSnapshot(directory: string, state: State, eventBody: string): void {
  const payload = serialize(state);
  const header: Header = {
    code: codeDigest(),
    sequence: state.sequence,
    event: sha256(eventBody),
    payload: sha256(payload),
  };
  const temporary = join(directory, `${fileName}.new`);
  rmSync(temporary, { force: true });
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(file, `${JSON.stringify(header)}\n`);
    for (let at = 0; at < payload.length; ) at += writeSync(file, payload, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, join(directory, fileName));
}

/** The state of the snapshot that fits; `eventAt` gives the journal's row at a place. */
export function readSnapshot(directory: string, eventAt: (sequence: number) => string | undefined): State | undefined {
  const path = join(directory, fileName);
  if (!existsSync(path)) return undefined;
  try {
    const bytes = readFileSync(path);
    const end = bytes.indexOf(10);
    const header = JSON.parse(bytes.subarray(0, end).toString('utf8')) as Header;
    const payload = bytes.subarray(end + 1);
    const body = eventAt(header.sequence);
    if (body === undefined || sha256(body) !== header.event) return undefined;
    if (header.code !== codeDigest() || sha256(payload) !== header.payload) return undefined;
    const state = deserialize(payload) as State;
    return state.sequence === header.sequence ? state : undefined;
  } catch {
    // Whatever is wrong with a cache, the journal is there.
    return undefined;
  }
}
