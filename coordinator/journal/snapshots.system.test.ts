import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { type Logger, silentLogger } from '../../shared/log.ts';
import { createRun, joinHost, type Machine, newMachine, runOn } from '../core/machine.test-support.ts';
import { openJournal, stateHash } from './journal.ts';
import { startSnapshots } from './snapshots.ts';

let directory: string;
let machine: Machine;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-snapshots-'));
  machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine);
  runOn(machine, 300);
  const journal = openJournal(directory);
  journal.append(machine.journal);
  journal.close();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Looks when told, and tells each line of the log. */
function rig(stateDirectory = directory) {
  const looks: (() => void)[] = [];
  const clock: Clock = {
    monotonicMs: () => 0,
    now: () => new Date(0),
    after(_ms, fn) {
      looks.push(fn);
      return { cancel: () => looks.splice(looks.indexOf(fn), 1) };
    },
  };
  const said: string[] = [];
  let told = Promise.withResolvers<string>();
  const tell = (_about: object, text: string): void => {
    said.push(text);
    told.resolve(text);
  };
  const log: Logger = { ...silentLogger, info: tell, warn: tell };
  const sequence = { now: 0 };
  const snapshots = startSnapshots({
    ...{ stateDirectory, clock, log, snapshotAt: 0, eventsBetween: 100 },
    sequence: () => sequence.now,
  });
  return {
    ...{ snapshots, said, sequence },
    /** Looks, and waits for what is said of the snapshot that is made then. */
    async look(): Promise<string> {
      told = Promise.withResolvers();
      looks.shift()?.();
      return await told.promise;
    },
    lookInVain: (): void => looks.shift()?.(),
  };
}

test('a process of its own makes a snapshot once there are enough events, and the next one after as many again', async () => {
  const { snapshots, said, sequence, look, lookInVain } = rig();
  sequence.now = 99;
  lookInVain();
  expect(existsSync(join(directory, 'snapshot.bin'))).toBe(false);
  sequence.now = machine.journal.length;
  expect(await look()).toBe('a snapshot of the journal was made');
  const journal = openJournal(directory);
  expect(stateHash(journal.fold())).toBe(stateHash(machine.state));
  expect(journal.snapshotAt()).toBe(machine.journal.length);
  lookInVain();
  // Somebody removed it: it is a cache, so that is noticed by nobody, and mended when the next one is due.
  rmSync(join(directory, 'snapshot.bin'));
  expect(stateHash(journal.fold())).toBe(stateHash(machine.state));
  sequence.now += 100;
  await look();
  expect(said).toHaveLength(2);
  journal.fold();
  expect(journal.snapshotAt()).toBe(machine.journal.length);
  journal.close();
  snapshots.stop();
});

test('a snapshot that cannot be made is told, and tried again at the next look', async () => {
  const notADirectory = join(directory, 'a-file');
  writeFileSync(notADirectory, '');
  const { snapshots, sequence, look } = rig(notADirectory);
  sequence.now = 100;
  expect(await look()).toBe('no snapshot of the journal could be made');
  rmSync(notADirectory);
  expect(await look()).toBe('a snapshot of the journal was made');
  snapshots.stop();
});
