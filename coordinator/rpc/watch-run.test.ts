import { expect, test } from 'vitest';
import { runId } from '../../shared/core/ids.ts';
import { createRun, joinHost, type Machine, newMachine } from '../core/machine.test-support.ts';
import { watchRun } from './watch-run.ts';

const run = runId('digits-aaaaaa');

const verdict = {
  ...{ runId: run, winnerId: '', finalists: [], intervalLow: 0, intervalHigh: 0 },
  ...{ baselineValidationScore: 0, baselineSearchScore: 0, baselineName: '', ledgerHead: '' },
  ...{ metric: '', lowerIsBetter: true, validationRows: 1, hasFinalSubmission: false },
};

function killed(): Machine {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine);
  machine.take({ kind: 'runKilled', runId: run, seal: false });
  return machine;
}

/** What a watcher is told, each event with the state of the run after it; it waits for commits that do not come. */
async function told({ state, journal }: Machine, afterSequence = 0): Promise<string[]> {
  const readRun = (_: string, after: number, limit: number) =>
    journal.filter(({ sequence }) => sequence > after).slice(0, limit);
  const sources = {
    journal: { readRun },
    actor: { state, nextCommit: () => new Promise<void>(() => undefined) },
  };
  const events: string[] = [];
  for await (const event of watchRun(sources, run, afterSequence, new AbortController().signal)) {
    events.push(`${event.kind} ${event.run?.state}`);
  }
  return events;
}

test('watching a run that was killed ends with the kill, wherever the watcher goes on from', async () => {
  const machine = killed();
  expect((await told(machine)).at(-1)).toBe('runKilled RUN_STATE_KILLED');
  expect(await told(machine, machine.journal.length)).toEqual([]);
});

test('watching a run that was sealed after its kill ends with the seal', async () => {
  const machine = killed();
  machine.take({ kind: 'runKilled', runId: run, seal: true });
  machine.take({ kind: 'runSealed', runId: run, verdict });
  expect((await told(machine)).slice(-3)).toEqual([
    'runKilled RUN_STATE_KILLED',
    'runKilled RUN_STATE_SEALING',
    'runSealed RUN_STATE_SEALED',
  ]);
});

test('watching a killed run that is deleted meanwhile ends with the kill', async () => {
  const machine = killed();
  machine.take({ kind: 'runDeleted', runId: run });
  expect((await told(machine)).at(-1)).toBe('runKilled RUN_STATE_KILLED');
});
