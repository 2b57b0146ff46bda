import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createRun, joinHost, newMachine, runOn } from '../core/machine.test-support.ts';
import { openJournal, stateHash } from './journal.ts';

const directory = mkdtempSync(join(tmpdir(), 'doubleblind-journal-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function busyMachine(events: number) {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine);
  runOn(machine, events);
  return machine;
}

test('a journal folds to the state that wrote it, and a run reads back alone', () => {
  const machine = busyMachine(200);
  const path = join(directory, 'small');
  const journal = openJournal(path);
  journal.append(machine.journal.slice(0, 50));
  journal.append(machine.journal.slice(50));
  journal.close();
  const again = openJournal(path);
  expect(stateHash(again.fold())).toBe(stateHash(machine.state));
  const own = again.readRun('digits-aaaaaa', 0, 10_000);
  expect(own).toEqual(JSON.parse(JSON.stringify(machine.journal.filter((event) => 'runId' in event))));
  expect(again.readRun('digits-aaaaaa', own[4]?.sequence ?? 0, 2)).toEqual(own.slice(5, 7));
  again.close();
});

test('a second writer cannot overwrite what the first one wrote', () => {
  const machine = busyMachine(10);
  const path = join(directory, 'twice');
  const first = openJournal(path);
  const second = openJournal(path);
  first.append(machine.journal.slice(0, 2));
  expect(() => second.append(machine.journal.slice(1, 3))).toThrow();
  expect(second.fold().sequence).toBe(2);
  first.close();
  second.close();
});
