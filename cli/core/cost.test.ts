import { expect, test } from 'vitest';
import { sampleReport } from '../testing/sample-run.ts';
import { costByModel, costOf, scoreGains } from './cost.ts';
import { isScored } from './history.ts';

const { run, candidates } = sampleReport({ candidates: 24 });
const scored = candidates.filter(isScored);

test('gains add up to the way from the baseline to the best', () => {
  const gains = scoreGains(run, candidates);
  const lower = run.taskInfo?.lowerIsBetter === true;
  const values = scored.map((candidate) => candidate.searchScore);
  const best = lower ? Math.min(...values) : Math.max(...values);
  const baseline = run.verdict?.baselineSearchScore ?? Number.NaN;
  expect([...gains.values()].reduce((sum, gain) => sum + gain, 0)).toBeCloseTo(Math.abs(best - baseline));
  expect(costOf('all', candidates, gains).scoreGained).toBeCloseTo(Math.abs(best - baseline));
  expect(
    costOf(
      'failed',
      candidates.filter((one) => one.state === 'failed'),
      gains,
    ).scoreGained,
  ).toBeNull();
});

test('time on a GPU is counted apart from time on a share of the processors', () => {
  const [first] = candidates;
  if (first === undefined) throw new Error('the sample has no candidate');
  const on = (slotId: string) => ({ ...first, slotId, usage: { ...first.usage, slotSeconds: 1800 } });
  const rows = [on('GPU-1'), on('MIG-2'), on('cpu-0'), on('')];
  expect(costOf('all', rows, new Map())).toMatchObject({ slotSeconds: 7200, gpuHours: 1 });
});

test('before the baseline is known, the first score is where gains begin', () => {
  const gains = scoreGains({ ...run, verdict: null }, candidates);
  expect([...gains.values()][0]).toBe(0);
});

test('money goes to the model that was paid, time and gain of an attempt to the one that wrote most', () => {
  const [first, second] = candidates;
  if (first === undefined || second === undefined) throw new Error('the sample has too few candidates');
  const row = { calls: 1, inputTokens: 10, dollars: 0.5 };
  const rows = costByModel(
    [
      { ...row, attemptId: first.candidateId, model: 'large', outputTokens: 100 },
      { ...row, attemptId: first.candidateId, model: 'small', outputTokens: 5 },
      { ...row, attemptId: second.candidateId, model: 'large', outputTokens: 50 },
    ],
    candidates,
    scoreGains(run, candidates),
  );
  expect(rows).toMatchObject([
    { name: 'large', attempts: 2, turns: 2, outputTokens: 150, dollars: 1 },
    { name: 'small', attempts: 0, turns: 1, outputTokens: 5, dollars: 0.5 },
  ]);
});
