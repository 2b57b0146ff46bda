import { expect, test } from 'vitest';
import { sampleReport } from '../testing/sample-run.ts';
import { type Batch, exportToMlflow, type Tracking } from './mlflow.ts';
import type { Exported } from './table.ts';

interface Kept {
  readonly batches: Map<string, Batch>;
  readonly ends: Map<string, readonly [status: string, endTime: number | undefined]>;
}

/** What an empty server is told, by the id of the run: `m0` is the search. */
async function told(data: Exported): Promise<Kept> {
  const kept: Kept = { batches: new Map(), ends: new Map() };
  let made = 0;
  const tracking: Tracking = {
    experiment: () => Promise.resolve('1'),
    runsByTag: () => Promise.resolve(new Map()),
    createRun: () => Promise.resolve(`m${made++}`),
    log: async (runId, batch) => void kept.batches.set(runId, batch),
    end: async (runId, status, endTime) => void kept.ends.set(runId, [status, endTime]),
  };
  await exportToMlflow(tracking, data, 'experiment');
  return kept;
}

function sealedSample() {
  const { run, candidates } = sampleReport({ candidates: 20 });
  if (run.verdict === null || run.verdict.ensemble === null) throw new Error('the sample is sealed');
  return { run, candidates, verdict: run.verdict, ensemble: run.verdict.ensemble };
}

function metricsOf(batch: Batch | undefined): Record<string, number> {
  return Object.fromEntries((batch?.metrics ?? []).map(({ key, value }) => [key, value]));
}

test('figures that are no numbers are left out: as JSON they are null, for which MLflow refuses the batch', async () => {
  const { run, candidates, verdict } = sealedSample();
  const none = { intervalLow: Number.NaN, intervalHigh: Number.NaN, baselineValidationScore: Number.NaN };
  const finalists = verdict.finalists.map((row) => ({ ...row, validationScore: Number.POSITIVE_INFINITY }));
  const unsure = candidates.map((candidate) => ({ ...candidate, standardError: Number.NaN }));
  const { batches } = await told({
    run: { ...run, verdict: { ...verdict, ...none, finalists } },
    candidates: unsure,
  });
  for (const { metrics } of batches.values())
    expect(metrics.filter(({ value }) => !Number.isFinite(value))).toEqual([]);
  const search = metricsOf(batches.get('m0'));
  expect(search['validation_score']).toBe(verdict.finalScore);
  expect(search).not.toHaveProperty('validation_interval_low');
  expect(search).not.toHaveProperty('baseline_validation_score');
});

test('validation and test score of the search are of what is handed in, here the ensemble', async () => {
  const { run, candidates, verdict, ensemble } = sealedSample();
  const handedIn = { ...ensemble, selected: true, testScore: 0.0123 };
  const { batches } = await told({ run: { ...run, verdict: { ...verdict, ensemble: handedIn } }, candidates });
  expect(metricsOf(batches.get('m0'))).toMatchObject({ validation_score: verdict.finalScore, test_score: 0.0123 });
});

test('a killed run ended when it was killed, a run that goes on has not ended', async () => {
  const { run, candidates } = sealedSample();
  const killed = { ...run, state: 'killed' as const, verdict: null, sealedAt: null, endedAt: '2026-03-01T09:30:00Z' };
  expect((await told({ run: killed, candidates })).ends.get('m0')).toEqual([
    'KILLED',
    Date.parse('2026-03-01T09:30:00Z'),
  ]);
  const open = { ...killed, state: 'running' as const, endedAt: null };
  expect((await told({ run: open, candidates })).ends.get('m0')).toEqual(['RUNNING', undefined]);
});
