import { expect, test } from 'vitest';
import { digest, hostName, runId } from '../../shared/core/ids.ts';
import { audit } from './audit.ts';
import { brief } from './brief.ts';
import { attemptOf, createRun, end, joinHost, type Machine, newMachine } from './machine.test-support.ts';
import { queriesLeft, queriesUsed } from './queries.ts';
import type { Attempt, ScoreAnswer } from './state.ts';

const file = (kind: number) => digest(kind.toString(16).padStart(64, '0'));

function started(scoreQueries?: number): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, scoreQueries === undefined ? {} : { scoreQueries });
  return machine;
}

/** Whether the question was taken. */
function asked(machine: Machine, attempt: Attempt, kind: number, host = attempt.host, epoch = attempt.epoch): boolean {
  const before = machine.journal.length;
  const about = { runId: attempt.runId, attemptId: attempt.id, epoch, host: host ?? hostName('none') };
  machine.take({ kind: 'scoreAsked', ...about, submission: file(kind) });
  return machine.journal.length > before;
}

function told(machine: Machine, attempt: Attempt, kind: number, answer: ScoreAnswer): void {
  const { runId: run, id: attemptId, epoch } = attempt;
  machine.take({ kind: 'scoreTold', runId: run, attemptId, epoch, submission: file(kind), answer });
}

const left = (machine: Machine, attempt: Attempt): number => {
  const run = machine.state.runs.get(attempt.runId);
  return run === undefined ? Number.NaN : queriesLeft(run, attempt);
};

test('no attempt gets a score unless its run was created with some', () => {
  const machine = started();
  expect(asked(machine, attemptOf(machine, 1), 1)).toBe(false);
  expect(brief(machine.state, attemptOf(machine, 1).id)?.scoreQueries).toBe(0);
});

test('a budget of two is two scores, counted when they are asked for and not when they come', () => {
  const machine = started(2);
  const attempt = attemptOf(machine, 1);
  expect([1, 2, 3].map((kind) => asked(machine, attempt, kind))).toEqual([true, true, false]);
  told(machine, attempt, 1, { feedback: '0.4 ± 0.1' });
  expect(asked(machine, attempt, 3)).toBe(false);
  expect(queriesUsed(attempt)).toBe(2);
  // The other attempt has its own two.
  expect(asked(machine, attemptOf(machine, 2), 3)).toBe(true);
  expect(audit(machine.state)).toEqual([]);
});

test('the same file again is known and costs nothing, and its answer never changes', () => {
  const machine = started(2);
  const attempt = attemptOf(machine, 1);
  asked(machine, attempt, 1);
  told(machine, attempt, 1, { feedback: '0.4 ± 0.1' });
  expect(asked(machine, attempt, 1)).toBe(false);
  told(machine, attempt, 1, { feedback: '0.9 ± 0.1' });
  expect(attempt.queries).toEqual([{ submission: file(1), answer: { feedback: '0.4 ± 0.1' } }]);
  expect(left(machine, attempt)).toBe(1);
});

test('a refused file costs no score, and not everything may be tried for ever', () => {
  const machine = started(1);
  const attempt = attemptOf(machine, 1);
  let files = 0;
  while (asked(machine, attempt, files) && files < 100) {
    told(machine, attempt, files, { refusal: 'line 2: an id that test.csv does not have' });
    files += 1;
  }
  expect(files).toBe(20);
  expect(left(machine, attempt)).toBe(1);
});

test('who does not hold the attempt gets nothing: another host, an older epoch, an attempt that has ended, a sealing run', () => {
  const machine = started(5);
  const attempt = attemptOf(machine, 1);
  expect(asked(machine, attempt, 1, hostName('beta'))).toBe(false);
  expect(asked(machine, attempt, 1, attempt.host, attempt.epoch - 1)).toBe(false);
  expect(asked(machine, attempt, 1)).toBe(true);
  end(machine, attempt);
  expect(asked(machine, attempt, 2)).toBe(false);
  machine.take({ kind: 'runSealing', runId: runId('digits-aaaaaa'), endReason: 'cancelled' });
  expect(asked(machine, attemptOf(machine, 2), 1)).toBe(false);
});

test('whoever takes an attempt over gets what is left of its scores, and is told so', () => {
  const machine = started(2);
  const attempt = attemptOf(machine, 1);
  asked(machine, attempt, 1);
  end(machine, attempt, 'infrastructure');
  const again = attemptOf(machine, 1);
  expect(again.phase).toBe('leased');
  expect(brief(machine.state, again.id)?.scoreQueries).toBe(1);
  expect([2, 3].map((kind) => asked(machine, again, kind))).toEqual([true, false]);
});
