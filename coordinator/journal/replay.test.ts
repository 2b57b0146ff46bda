import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRun, joinHost, newMachine, runOn } from '../core/machine.test-support.ts';
import { openJournal, stateHash } from './journal.ts';
import { replayRun } from './replay.ts';

test('a replay steps through the events of a run and ends at the state that wrote them', () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-replay-'));
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine);
  runOn(machine, 60);
  const journal = openJournal(directory);
  journal.append(machine.journal);
  const replayed = replayRun(journal, 'digits');
  expect(replayed?.length).toBe(machine.journal.length - 1);
  expect(replayed?.[0]?.kind).toBe('runCreated');
  expect(replayed?.at(-1)?.stateHash).toBe(stateHash(machine.state));
  expect(replayRun(journal, 'nothing')).toBeUndefined();
  journal.close();
  rmSync(directory, { recursive: true, force: true });
});
