// The start of a coordinator with a long history: the fold of 10⁵ events, and what a snapshot spares of it. In this process; what a
// process takes to start comes on top.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun, joinHost, newMachine, runOn } from '../../coordinator/core/machine.test-support.ts';
import { openJournal, stateHash } from '../../coordinator/journal/journal.ts';
import type { HostRow } from './row.ts';

const events = 100_000;
const batch = 500;
/** What is promised of a restart with such a journal. */
const mostMs = 3000;

export const replayedJournal: readonly HostRow[] = [
  {
    fault: 'coordinator start with a journal of 100,000 events',
    times: 3,
    async run(times) {
      const directory = mkdtempSync(join(tmpdir(), 'doubleblind-journal-'));
      try {
        const machine = newMachine();
        joinHost(machine, 'alpha', 8);
        createRun(machine, { wallSeconds: 0 });
        runOn(machine, events);
        const journal = openJournal(directory);
        for (let at = 0; at < machine.journal.length; at += batch)
          journal.append(machine.journal.slice(at, at + batch));
        journal.close();
        const hash = stateHash(machine.state);
        const whole = Array.from({ length: times }, () => fold(directory, hash));
        const writing = openJournal(directory);
        const sinceMs = performance.now();
        writing.writeSnapshot();
        const writeMs = performance.now() - sinceMs;
        writing.close();
        const spared = Array.from({ length: times }, () => fold(directory, hash));
        if (Math.min(...whole) > mostMs) throw new Error(`a whole fold takes ${shown(whole)}, not 3 s`);
        return await Promise.resolve(
          `${machine.journal.length} events folded in ${shown(whole)}; from a snapshot in ${shown(spared)} (written beside the work in ${shown([writeMs])}); the same state each time`,
        );
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  },
];

function fold(directory: string, hash: string): number {
  const journal = openJournal(directory);
  const sinceMs = performance.now();
  const state = journal.fold();
  const ms = performance.now() - sinceMs;
  journal.close();
  if (stateHash(state) !== hash) throw new Error('the journal folds to another state than the one that wrote it');
  return ms;
}

function shown(values: readonly number[]): string {
  return values.map((ms) => `${(ms / 1000).toFixed(2)} s`).join(', ');
}
