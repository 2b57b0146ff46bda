import { expect, test } from 'vitest';
import { runId } from '../../shared/core/ids.ts';
import { audit } from './audit.ts';
import { brief } from './brief.ts';
import { forkOf } from './fork.ts';
import {
  attemptOf,
  createRun,
  end,
  joinHost,
  leased,
  limits,
  type Machine,
  newMachine,
  rankedOf,
  scored,
  task,
} from './machine.test-support.ts';
import { defaultOptions, type RunOptions } from './options.ts';
import { outstanding } from './outstanding.ts';
import { best } from './population.ts';
import { newState } from './state.ts';
import { step } from './step.ts';

const id = runId('digits-aaaaaa');
const forkId = runId('digits-bbbbbb');

/** A run of two drafts, of which one has a child, and a failure. */
function oldRun(): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, { crossoverProbability: 0, draftProbability: 0 });
  for (const value of [0.5, 0.4]) {
    const [next] = leased(machine);
    if (next === undefined) throw new Error('nothing runs');
    end(machine, next);
    scored(machine, next, value);
  }
  const child = leased(machine).find(({ operator }) => operator === 'mutate');
  if (child === undefined) throw new Error('no mutation was planned');
  end(machine, child);
  scored(machine, child, 0.3);
  machine.take({ kind: 'runKilled', runId: id, seal: false });
  return machine;
}

function fork(machine: Machine, count: number, options: Partial<RunOptions> = {}): void {
  const origin = machine.state.runs.get(id);
  if (origin === undefined) throw new Error('there is no run');
  const made = forkOf(machine.state, origin, forkId, count);
  const all = { ...defaultOptions, limits, ...options };
  machine.take({ kind: 'runCreated', runId: forkId, requestId: 'fork', task, options: all, fork: made });
}

test('a fork begins with the scored candidates as its own, and plans no draft for each slot again', () => {
  const machine = oldRun();
  fork(machine, 100, { crossoverProbability: 0, draftProbability: 0 });
  const run = machine.state.runs.get(forkId);
  expect(rankedOf(run).map(({ value }) => value)).toEqual([0.5, 0.4, 0.3]);
  expect(run === undefined ? undefined : best(run.population)?.id).toBe(attemptOf(machine, 3, forkId).id);
  expect(attemptOf(machine, 3, forkId)).toMatchObject({
    operator: 'mutate',
    phase: 'scored',
    note: expect.any(String),
  });
  const parents = attemptOf(machine, 3, forkId).parents;
  expect(parents.every((parent) => parent.startsWith(forkId))).toBe(true);
  const planned = leased(machine);
  expect(planned.map(({ operator, number }) => [operator, number])).toEqual([
    ['mutate', 4],
    ['mutate', 5],
  ]);
  const told = planned[0] === undefined ? undefined : brief(machine.state, planned[0].id);
  expect(told?.parents[0]?.solution).toBeDefined();
  expect(audit(machine.state)).toEqual([]);
});

test('only the best are inherited where that is asked for, and none counts towards the budget of candidates', () => {
  const machine = oldRun();
  fork(machine, 2, { candidates: 2 });
  const run = machine.state.runs.get(forkId);
  expect(run?.population.ranked).toHaveLength(2);
  expect(run?.phase).toBe('running');
  for (const attempt of leased(machine)) {
    end(machine, attempt);
    scored(machine, attempt, 0.9);
  }
  expect(run).toMatchObject({ phase: 'sealing', endReason: 'candidates' });
  // Inherited candidates may win.
  const finalists = outstanding(machine.state).flatMap((command) => ('finalists' in command ? command.finalists : []));
  expect(finalists.slice(0, 2)).toEqual([attemptOf(machine, 2, forkId).id, attemptOf(machine, 1, forkId).id]);
});

test("a fork's own events tell the whole of it, also without the run that it came from", () => {
  const machine = oldRun();
  fork(machine, 100);
  const alone = newState();
  const own = JSON.parse(JSON.stringify(machine.journal)) as typeof machine.journal;
  for (const event of own) if ('runId' in event && event.runId === forkId) step(alone, event);
  expect(rankedOf(alone.runs.get(forkId))).toEqual(rankedOf(machine.state.runs.get(forkId)));
  expect(alone.attempts.get(attemptOf(machine, 1, forkId).id)?.inheritedFrom).toBe(attemptOf(machine, 1).id);
});
