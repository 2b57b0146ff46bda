import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { audit } from '../core/audit.ts';
import { createRun, joinHost, type Machine, newMachine, runOn } from '../core/machine.test-support.ts';
import { type Journal, openJournal, stateHash } from './journal.ts';

let directory: string;
let machine: Machine;
let journal: Journal;
const file = () => join(directory, 'snapshot.bin');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-snapshot-'));
  machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine);
  runOn(machine, 300);
  journal = openJournal(directory);
  journal.append(machine.journal);
  journal.writeSnapshot();
});
afterEach(() => {
  journal.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Three hundred events more than the snapshot has. */
function goOn(): void {
  const from = machine.journal.length;
  runOn(machine, 300);
  journal.append(machine.journal.slice(from));
}

test('a fold from a snapshot and what came after it is the same state, and goes on like it', () => {
  const at = machine.journal.length;
  goOn();
  const state = journal.fold();
  expect(journal.snapshotAt()).toBe(at);
  expect(stateHash(state)).toBe(stateHash(machine.state));
  expect(audit(state)).toEqual([]);
  rmSync(file());
  const whole = journal.fold();
  expect(journal.snapshotAt()).toBe(0);
  expect(stateHash(whole)).toBe(stateHash(state));
  expect(state.freeSlots.buckets.map(({ size }) => size)).toEqual(whole.freeSlots.buckets.map(({ size }) => size));
});

test.each([
  ['was cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 9)],
  [
    'has another byte',
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1) === 1 ? 2 : 1])]),
  ],
  [
    'was made by other code',
    (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace(/"code":"./, '"code":"x'), 'latin1'),
  ],
  [
    'is of another journal',
    (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace(/"event":"./, '"event":"x'), 'latin1'),
  ],
  ['is no snapshot', () => Buffer.from('something else')],
  ['is empty', () => Buffer.alloc(0)],
])('a snapshot that %s is left alone, and the journal is folded whole', (_what, spoil) => {
  writeFileSync(file(), spoil(readFileSync(file())));
  goOn();
  expect(stateHash(journal.fold())).toBe(stateHash(machine.state));
  expect(journal.snapshotAt()).toBe(0);
});

test('a snapshot that is ahead of its journal, as after a restored backup, is left alone', () => {
  const other = mkdtempSync(join(tmpdir(), 'doubleblind-snapshot-'));
  const restored = openJournal(other);
  restored.append(machine.journal.slice(0, 50));
  writeFileSync(join(other, 'snapshot.bin'), readFileSync(file()));
  expect(restored.fold().sequence).toBe(50);
  restored.close();
  rmSync(other, { recursive: true });
});

test('a new snapshot takes the place of the old one, whole', () => {
  goOn();
  journal.writeSnapshot();
  expect(existsSync(`${file()}.new`)).toBe(false);
  journal.fold();
  expect(journal.snapshotAt()).toBe(machine.journal.length);
});
