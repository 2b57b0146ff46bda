import { expect, test } from 'vitest';
import { createRun, newMachine } from '../core/machine.test-support.ts';
import type { Verdict } from '../core/task.ts';
import { runToWire } from './wire.ts';

test('a figure that does not exist is the same before a restart and after it, and is not 0', () => {
  const machine = newMachine();
  createRun(machine);
  const [run] = machine.state.runs.values();
  if (run === undefined) throw new Error('no run');
  const finalist = { candidateId: 'a', searchScore: 0.5, validationScore: null, validationStandardError: 0 };
  const verdict: Verdict = {
    ...{ runId: run.id, winnerId: 'a', baselineName: 'mean', ledgerHead: '', metric: 'spearman', lowerIsBetter: false },
    ...{ validationRows: 9, hasFinalSubmission: true, finalists: [{ ...finalist, probabilityBest: 1 }] },
    ...{ intervalLow: null, intervalHigh: null, baselineValidationScore: null, baselineSearchScore: 0 },
  };
  const asJournaled: Verdict = JSON.parse(JSON.stringify(verdict));
  for (const told of [verdict, asJournaled]) {
    run.verdict = told;
    expect(runToWire(run, { state: machine.state, clockMs: 0 }, 'brief').verdict).toMatchObject({
      ...{ intervalLow: Number.NaN, intervalHigh: Number.NaN, baselineValidationScore: Number.NaN },
      ...{ baselineSearchScore: 0, finalists: [{ validationScore: Number.NaN }] },
    });
  }
});
