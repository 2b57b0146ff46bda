// The last executions of a run, as the machine decides them.

import { expect, test } from 'vitest';
import { noUsage } from '../../shared/core/vocabulary.ts';
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
import { refitHindrance } from './refit.ts';
import type { Attempt, Run } from './state.ts';
import type { Verdict } from './task.ts';

const noNumbers = { intervalLow: 0, intervalHigh: 0, baselineValidationScore: 0, baselineSearchScore: 0 };

/** A run with three scored candidates, which is ready to be judged. */
function judgeable(tokens = 0): { machine: Machine; run: Run; ids: string[] } {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine, tokens > 0 ? { tokens } : { candidates: 3 });
  for (const number of [1, 2, 3]) {
    end(machine, attemptOf(machine, number), undefined, { ...noUsage, outputTokens: tokens });
    scored(machine, attemptOf(machine, number), number);
  }
  for (const attempt of leased(machine)) end(machine, attempt, 'cancelled');
  const run = [...machine.state.runs.values()][0];
  if (run === undefined) throw new Error('no run');
  expect(run.phase).toBe('sealing');
  return { machine, run, ids: [1, 2, 3].map((number) => attemptOf(machine, number).id) };
}

function verdictOf(run: Run, ids: readonly string[], isEnsemble: boolean): Verdict {
  const members = ids.slice(0, 2).map((candidateId, index) => ({ candidateId, weight: [0.75, 0.25][index] ?? 0 }));
  const ensemble = { members, rule: 'mean', searchScore: 0, validationScore: 0, validationStandardError: 0 };
  return {
    ...{ runId: run.id, winnerId: ids[0] ?? '', finalists: [], ...noNumbers, baselineName: '', ledgerHead: '' },
    ...{ metric: 'log-loss', lowerIsBetter: true, validationRows: 1, hasFinalSubmission: true },
    ensemble: { ...ensemble, probabilityBetter: 1, selected: isEnsemble },
  };
}

function judge(machine: Machine, run: Run, verdict: Verdict): void {
  machine.take({ kind: 'runJudged', runId: run.id, verdict, bundleDigest: task.bundleDigest });
}

/** The refit that has the lease. */
function refitting(machine: Machine): Attempt {
  const [attempt, ...more] = leased(machine);
  if (attempt === undefined || more.length > 0) throw new Error('one refit at a time');
  return attempt;
}

function handIn(machine: Machine, attempt: Attempt): void {
  end(machine, attempt);
  const { runId, id, epoch } = attempt;
  machine.take({ kind: 'candidateRefitted', runId, attemptId: id, epoch, finalSubmissionDigest: task.bundleDigest });
}

test('every member of an ensemble is refitted, one after the other, and handed in under its own name', () => {
  const { machine, run, ids } = judgeable();
  judge(machine, run, verdictOf(run, ids, true));
  for (const candidateId of ids.slice(0, 2)) {
    const attempt = refitting(machine);
    expect(attempt).toMatchObject({ operator: 'refit', parents: [candidateId] });
    expect(end(machine, attempt)).toMatchObject([{ kind: 'closeAccount' }, { kind: 'submitRefit', candidateId }]);
    expect(audit(machine.state)).toEqual([]);
    const { runId, id, epoch } = attempt;
    machine.take({ kind: 'candidateRefitted', runId, attemptId: id, epoch, finalSubmissionDigest: task.bundleDigest });
  }
  expect(run.phase).toBe('sealed');
  expect(run.verdict?.notes).toEqual([
    expect.stringMatching(
      /the ensemble refitted on all labelled rows, its 2 programs put together by the same weights/,
    ),
  ]);
  expect(audit(machine.state)).toEqual([]);
});

test('where one member fails, no further one is refitted and the submission stands whole', () => {
  const { machine, run, ids } = judgeable();
  judge(machine, run, verdictOf(run, ids, true));
  end(machine, refitting(machine), 'crash');
  expect(leased(machine)).toEqual([]);
  expect(run).toMatchObject({ phase: 'sealed', finalSubmissionDigest: undefined });
  expect(run.verdict?.notes).toEqual([
    expect.stringMatching(/failed \(crash.*submission of the ensemble as it was chosen/),
  ]);
});

test('a run that a budget of the model ended is refitted all the same', () => {
  const { machine, run, ids } = judgeable(100);
  expect(run.spentBudget).toBe('tokens');
  judge(machine, run, verdictOf(run, ids, false));
  handIn(machine, refitting(machine));
  expect(run.verdict?.notes).toEqual([
    expect.stringMatching(/by the winner refitted on all labelled rows; every score/),
  ]);
  expect(audit(machine.state)).toEqual([]);
});

test('why nothing is refitted is said', () => {
  const { machine, run, ids } = judgeable();
  const verdict = verdictOf(run, ids, true);
  expect(refitHindrance(machine.state, run, verdict)).toBeUndefined();
  expect(refitHindrance(machine.state, run, { ...verdict, winnerId: '' })).toContain('no candidate won');
  expect(refitHindrance(machine.state, run, { ...verdict, hasFinalSubmission: false })).toContain(
    'no official test rows',
  );
  expect(refitHindrance(machine.state, run, verdictOf(run, ['elsewhere-1', ...ids], true))).toContain(
    'elsewhere-1 is not of this run',
  );
  // As a coordinator of 0.1 could have it sealed.
  attemptOf(machine, 1).duplicate = { of: attemptOf(machine, 2).id, by: 'code' };
  expect(refitHindrance(machine.state, run, verdict)).toContain(`${ids[0]} repeats another candidate`);
});
