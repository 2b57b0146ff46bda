import { expect, test } from 'vitest';
import { brief } from './brief.ts';
import { attemptOf, createRun, end, joinHost, newMachine, scored } from './machine.test-support.ts';

test('mutations of one candidate are numbered, so that those that run at once can differ', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { operators: ['draft', 'mutate'], draftProbability: 0 });
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0.5);
  const numbers: (number | undefined)[] = [];
  for (let number = 2; number < 6; number += 1) {
    const attempt = attemptOf(machine, number);
    const parent = machine.state.attempts.get(attempt.parents[0] ?? attempt.id);
    expect(attempt.operator).toBe('mutate');
    expect(brief(machine.state, attempt.id)?.siblingNumber).toBe(parent?.mutations);
    if (parent?.number === 1) numbers.push(attempt.siblingNumber);
    end(machine, attempt, 'gaveUp');
  }
  expect(numbers).toEqual([1, 2, 3, 4]);
});
