import { expect, test } from 'vitest';
import { runId } from '../../shared/core/ids.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import {
  attemptOf,
  createRun,
  end,
  joinHost,
  leased,
  type Machine,
  newMachine,
  scored,
} from './machine.test-support.ts';

const id = runId('digits-aaaaaa');

function started(options: Parameters<typeof createRun>[1], slots = 2): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', slots);
  createRun(machine, options);
  return machine;
}

/** The attempt ends, has cost so much, and is scored. */
function spend(machine: Machine, number: number, usage: Partial<typeof noUsage>): void {
  end(machine, attemptOf(machine, number), undefined, { ...noUsage, ...usage });
  scored(machine, attemptOf(machine, number), number);
}

const numbers = (machine: Machine): number[] => leased(machine).map((attempt) => attempt.number);
const run = (machine: Machine) => machine.state.runs.get(id);

test.each([
  ['dollars', { dollars: 10 }, (share: number) => ({ dollars: share })],
  ['tokens', { tokens: 10_000 }, (share: number) => ({ outputTokens: share * 1000 })],
  ['slot-hours', { slotHours: 10 }, (share: number) => ({ slotSeconds: share * 3600 })],
] as const)(
  'a reserve of %s is held for attempts that were begun, so that each can be paid to its end',
  (name, budget, cost) => {
    const machine = started(budget);
    // Ten attempts of a tenth fit exactly; of these cost three, and each time two are under way.
    spend(machine, 1, cost(3));
    expect(numbers(machine)).toEqual([2, 3]);
    // Six are used, three are for the one under way; another would not fit.
    spend(machine, 2, cost(3));
    expect(numbers(machine)).toEqual([3]);
    expect(run(machine)?.phase).toBe('running');
    spend(machine, 3, cost(3));
    expect(run(machine)).toMatchObject({ phase: 'sealing', endReason: name });
    expect(machine.journal.filter((event) => event.kind === 'attemptEnded')).toHaveLength(3);
  },
);

test('where attempts end for less than was held for them, there is room for others again', () => {
  const machine = started({ dollars: 10 });
  spend(machine, 1, { dollars: 4 });
  expect(numbers(machine)).toEqual([2]);
  spend(machine, 2, { dollars: 1 });
  // Five are left, and an attempt costs two and a half: two fit.
  expect(numbers(machine)).toEqual([3, 4]);
});

test('a budget that divides without a rest is used up to the last attempt', () => {
  const machine = started({ dollars: 1 }, 1);
  for (let number = 1; run(machine)?.phase === 'running' && number < 20; number += 1)
    spend(machine, number, { dollars: 0.1 });
  expect(run(machine)).toMatchObject({ phase: 'sealing', endReason: 'dollars' });
  expect(run(machine)?.attempts).toHaveLength(10);
});

test('a run that has all of its candidates ends for that reason, whatever is left of its money', () => {
  const machine = started({ dollars: 10, candidates: 2 });
  spend(machine, 1, { dollars: 6 });
  expect(run(machine)?.phase).toBe('running');
  spend(machine, 2, { dollars: 3.5 });
  expect(run(machine)).toMatchObject({ phase: 'sealing', endReason: 'candidates' });
});

test('slot time is held for the refit at the end', () => {
  const slotSeconds = 3600;
  const attempts = (refit: boolean): number => {
    const machine = newMachine();
    joinHost(machine, 'alpha', 1);
    createRun(machine, { slotHours: 4 });
    const state = run(machine);
    if (state !== undefined) Object.assign(state, { task: { ...state.task, refit } });
    for (let number = 1; run(machine)?.phase === 'running' && number < 20; number += 1)
      spend(machine, number, { slotSeconds });
    expect(run(machine)?.endReason).toBe('slot-hours');
    return run(machine)?.attempts.length ?? 0;
  };
  expect(attempts(false)).toBe(4);
  expect(attempts(true)).toBe(3);
});

test('a paused run waits for whoever paused it, also where nothing more would fit', () => {
  const machine = started({ dollars: 10 });
  machine.take({ kind: 'runPaused', runId: id });
  spend(machine, 1, { dollars: 4 });
  spend(machine, 2, { dollars: 4 });
  expect(run(machine)?.phase).toBe('paused');
  machine.take({ kind: 'runResumed', runId: id });
  expect(run(machine)).toMatchObject({ phase: 'sealing', endReason: 'dollars' });
});
