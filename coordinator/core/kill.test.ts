import { expect, test } from 'vitest';
import { runId } from '../../shared/core/ids.ts';
import { audit } from './audit.ts';
import {
  attemptOf,
  createRun,
  end,
  joinHost,
  leased,
  type Machine,
  newMachine,
  scored,
  task,
} from './machine.test-support.ts';
import { isWanted, outstanding } from './outstanding.ts';

const id = runId('digits-aaaaaa');

/** One candidate is scored, one is with the evaluator, two run, and one waits for another lease. */
function busyRun(): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine);
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0.5);
  end(machine, attemptOf(machine, 2));
  return machine;
}

test('a killed run is over at once: its slots are free, its hosts are told, the evaluator is not asked', () => {
  const machine = busyRun();
  const running = leased(machine).length;
  expect(running).toBeGreaterThan(1);
  const commands = machine.take({ kind: 'runKilled', runId: id, seal: false });
  expect(commands.filter(({ kind }) => kind === 'cancelAttempt')).toHaveLength(running);
  expect(commands.some(({ kind }) => kind === 'sealRun')).toBe(false);
  expect(commands.every((command) => isWanted(machine.state, command))).toBe(true);
  const run = machine.state.runs.get(id);
  expect(run).toMatchObject({ phase: 'killed', endReason: 'killed', verdict: undefined });
  expect(run?.population.ranked).toHaveLength(1);
  expect([leased(machine), outstanding(machine.state), audit(machine.state)]).toEqual([[], [], []]);
  expect(machine.state.hosts.values().next().value?.attempts.size).toBe(0);
});

test('what the evaluator or a host still says of a killed run changes nothing', () => {
  const machine = busyRun();
  const [runs] = leased(machine);
  machine.take({ kind: 'runKilled', runId: id, seal: false });
  const events = machine.journal.length;
  scored(machine, attemptOf(machine, 2), 0.1);
  if (runs !== undefined) end(machine, runs);
  machine.take({ kind: 'runKilled', runId: id, seal: false });
  expect(machine.journal).toHaveLength(events);
  expect(machine.state.runs.get(id)?.population.ranked).toHaveLength(1);
});

test('a kill seals with what has a score only where that is asked for, at once or later', () => {
  for (const later of [false, true]) {
    const machine = busyRun();
    if (later) machine.take({ kind: 'runKilled', runId: id, seal: false });
    const commands = machine.take({ kind: 'runKilled', runId: id, seal: true });
    expect(commands.at(-1)).toMatchObject({ kind: 'sealRun', finalists: ['digits-aaaaaa-0001'] });
    expect(machine.state.runs.get(id)?.phase).toBe('sealing');
    expect(outstanding(machine.state)).toMatchObject([{ kind: 'sealRun' }]);
    expect(audit(machine.state)).toEqual([]);
  }
});

test('a kill while the run is refitted ends the refit; the verdict that is there is told', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine, { candidates: 1 });
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0.5);
  for (const attempt of leased(machine)) end(machine, attempt, 'cancelled');
  const verdict = {
    ...{ runId: id, winnerId: attemptOf(machine, 1).id, finalists: [], intervalLow: 0, intervalHigh: 0 },
    ...{ baselineValidationScore: 0, baselineSearchScore: 0, baselineName: '', ledgerHead: '', metric: 'log-loss' },
    ...{ lowerIsBetter: true, validationRows: 1, hasFinalSubmission: true },
  };
  machine.take({ kind: 'runJudged', runId: id, verdict, bundleDigest: task.bundleDigest });
  expect(leased(machine)).toHaveLength(1);
  machine.take({ kind: 'runKilled', runId: id, seal: false });
  expect(leased(machine)).toEqual([]);
  expect(machine.state.runs.get(id)).toMatchObject({ phase: 'sealed', verdict: { winnerId: verdict.winnerId } });
  expect(audit(machine.state)).toEqual([]);
});
