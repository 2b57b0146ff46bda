import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '../../shared/store/sqlite.ts';
import { createRun, joinHost, newMachine, runOn } from '../core/machine.test-support.ts';
import { openJournal, stateHash, viewJournal } from './journal.ts';
import { replayRun } from './replay.ts';

const parent = mkdtempSync(join(tmpdir(), 'doubleblind-replay-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
const freshDirectory = (): string => mkdtempSync(join(parent, 'one-'));

/** The command as the CLI runs it. */
function replay(directory: string, run = 'digits') {
  const script = join(import.meta.dirname, '..', 'main-replay.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, directory, run], { encoding: 'utf8' });
  return { status, lines: stdout.trim().split('\n'), stderr };
}

/** Every file with its bytes. */
function filesOf(directory: string): [string, string][] {
  return readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'latin1')]);
}

function busyMachine() {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine);
  runOn(machine, 60);
  return machine;
}

test('a replay steps through the events of a run and ends at the state that wrote them', () => {
  const machine = busyMachine();
  const journal = openJournal(freshDirectory());
  journal.append(machine.journal);
  const replayed = replayRun(journal, 'digits');
  expect(replayed?.length).toBe(machine.journal.length - 1);
  expect(replayed?.[0]?.kind).toBe('runCreated');
  expect(replayed?.at(-1)?.stateHash).toBe(stateHash(machine.state));
  expect(replayRun(journal, 'nothing')).toBeUndefined();
  journal.close();
});

test('a replay leaves the directory as it is, and sees what a coordinator at work has written last', () => {
  const machine = busyMachine();
  const directory = freshDirectory();
  const writer = openJournal(directory);
  writer.append(machine.journal.slice(0, 20));
  writer.close();
  const before = filesOf(directory);
  const said = replay(directory);
  expect([said.status, said.lines.length, said.stderr]).toEqual([0, 19, '']);
  expect(filesOf(directory)).toEqual(before);
  const again = openJournal(directory);
  again.append(machine.journal.slice(20, 30));
  expect(replay(directory).lines).toHaveLength(29);
  again.append(machine.journal.slice(30));
  again.close();
  expect(replay(directory).lines).toHaveLength(machine.journal.length - 1);
});

test('what is no journal of this version is left as it is, and a sentence says why it is not read', () => {
  const make = (migrations: string[]): string => {
    const directory = freshDirectory();
    openDatabase({ path: join(directory, 'journal.db'), migrations }).close();
    return directory;
  };
  const text = freshDirectory();
  writeFileSync(join(text, 'journal.db'), 'This is a text, and a database never begins like it.\n'.repeat(9));
  const older = freshDirectory();
  openJournal(older).close();
  const database = openDatabase({ path: join(older, 'journal.db'), migrations: [''] });
  database.run('PRAGMA user_version = 0');
  database.close();
  const reasons: [string, RegExp][] = [
    [make([]), /^it is no journal of a coordinator$/],
    [make(['CREATE TABLE x (a)']), /^it is no journal of a coordinator$/],
    [make(Array.from({ length: 99 }, () => '')), /^it has version 99 and .* start a newer program$/],
    [text, /^file is not a database$/],
    [older, /^it has version 0 and this program reads 1: /],
  ];
  for (const [directory, reason] of reasons) {
    const before = filesOf(directory);
    expect(() => viewJournal(directory)).toThrow(reason);
    expect(filesOf(directory)).toEqual(before);
  }
  expect(replay(text)).toMatchObject({
    status: 6,
    stderr: expect.stringMatching(/cannot be read: file is not a database\.\n$/),
  });
  expect(replay(freshDirectory())).toMatchObject({
    status: 6,
    stderr: expect.stringMatching(/^There is no journal in /),
  });
});
