import { expect, test } from 'vitest';
import { runId } from '../../shared/core/ids.ts';
import { audit } from './audit.ts';
import { attemptOf, createRun, end, joinHost, leased, newMachine, scored } from './machine.test-support.ts';

test('runs share the lanes in proportion to their priorities', () => {
  const machine = newMachine();
  createRun(machine, { priority: 3 }, 'first-aaaaaa');
  createRun(machine, {}, 'second-aaaaaa');
  joinHost(machine, 'alpha', 8);
  const lanes = (run: string): number => leased(machine).filter((attempt) => attempt.runId === run).length;
  expect([lanes('first-aaaaaa'), lanes('second-aaaaaa')]).toEqual([6, 2]);
});

test('a run that is extended goes on beyond its first budget, and no budget ever becomes smaller', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { candidates: 2 });
  const [run] = machine.state.runs.values();
  if (run === undefined) throw new Error('no run');
  const { wallSeconds, dollars, tokens, slotHours } = run.options;
  const extend = (candidates: number) =>
    machine.take({
      kind: 'runExtended',
      runId: runId(run.id),
      budgets: { candidates, wallSeconds, dollars, tokens, slotHours },
    });
  extend(3);
  extend(1);
  expect(run.options.candidates).toBe(3);
  for (const number of [1, 2, 3]) {
    expect(run.phase).toBe('running');
    end(machine, attemptOf(machine, number));
    scored(machine, attemptOf(machine, number), number);
  }
  expect(run.phase).toBe('sealing');
  extend(9);
  expect(run.options.candidates).toBe(3);
  expect(audit(machine.state)).toEqual([]);
});
