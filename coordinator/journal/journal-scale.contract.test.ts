import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRun, joinHost, newMachine, runOn } from '../core/machine.test-support.ts';
import { openJournal } from './journal.ts';

/** Milliseconds of this thread's own processor time: other work on the machine does not count. */
function cpuMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

test('10⁵ events fold in at most 3 s, and an event costs no more at the end than at the beginning', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 8);
  createRun(machine);
  runOn(machine, 5000);
  const earlyMs = cpuMs(() => runOn(machine, 10_000));
  runOn(machine, 85_000);
  const lateMs = cpuMs(() => runOn(machine, 10_000));
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-journal-'));
  const journal = openJournal(directory);
  journal.append(machine.journal);
  let events = 0;
  const foldMs = cpuMs(() => {
    events = journal.fold().sequence;
  });
  journal.close();
  rmSync(directory, { recursive: true, force: true });
  console.info(
    `${events} events folded in ${foldMs.toFixed(0)} ms; an event took ${(earlyMs / 10).toFixed(1)} µs after 5,000 and ` +
      `${(lateMs / 10).toFixed(1)} µs after 100,000 (${machine.state.attempts.size} candidates)`,
  );
  expect(events).toBeGreaterThan(100_000);
  expect(foldMs).toBeLessThan(3000);
  // Twice for the wider memory, and a constant for the noise of garbage collection.
  expect(lateMs).toBeLessThan(2 * earlyMs + 200);
});
