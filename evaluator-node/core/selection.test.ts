// The final choice: what an ensemble is worth, when it is taken, and that the score which is reported has no luck in it.

import { expect, test } from 'vitest';
import { nextFloat, nextNormal, type Rng, seedRng } from '../../shared/core/rng.ts';
import { blendCounts, blendRule, growEnsemble, votesOf } from './ensemble.ts';
import type { Metric } from './metrics/metric.ts';
import { findMetric } from './metrics/registry.ts';
import { selectWinner } from './selection.ts';

function metric(name: string): Metric {
  const found = findMetric(name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

function numbers(truth: Float64Array) {
  return { count: truth.length, truth, width: 1, classCount: 0 };
}

/** Numbers with noise of 0.5, and predictions of them with errors of their own. */
function regression(rng: Rng, rows: number, errors: readonly number[]) {
  const signal = Array.from({ length: rows }, () => nextNormal(rng));
  const truth = Float64Array.from(signal, (value) => value + 0.5 * nextNormal(rng));
  const predictions = errors.map((error) => Float64Array.from(signal, (value) => value + error * nextNormal(rng)));
  return { truth, predictions };
}

function contendersOf(predictions: readonly Float64Array[]) {
  return predictions.map((prediction, index) => ({ candidateId: String(index), eligible: true, prediction }));
}

test('the rule of a blend follows from the metric', () => {
  const rules = ['log-loss', 'roc-auc', 'rmse', 'spearman', 'accuracy', 'qwk'].map((name) => blendRule(metric(name)));
  expect(rules).toEqual(['mean', 'ranks', 'mean', 'ranks', 'plurality', 'plurality']);
});

test('votes add up to means, to shared ranks, and to the label most have, the first member deciding ties', () => {
  const [first, second] = [Float64Array.of(0.2, 0.9, 0.9), Float64Array.of(0.4, 0.1, 0.3)];
  expect([...blendCounts('mean', [first, second], [1, 1], 0)]).toEqual([
    expect.closeTo(0.3, 12),
    expect.closeTo(0.5, 12),
    expect.closeTo(0.6, 12),
  ]);
  expect([...votesOf('ranks', first, 0)]).toEqual([0.5 / 3, 2 / 3, 2 / 3].map((rank) => expect.closeTo(rank, 12)));
  const labels = [Float64Array.of(0, 1, 2), Float64Array.of(1, 1, 0), Float64Array.of(2, 1, 0)];
  const votes = labels.map((each) => votesOf('plurality', each, 3));
  expect([...blendCounts('plurality', votes, [1, 1, 1], 3)]).toEqual([0, 1, 0]);
  expect([...blendCounts('plurality', votes, [2, 1, 1], 3)]).toEqual([0, 1, 2]);
});

test('members whose errors differ are blended, and one that only does harm is not', () => {
  const { truth, predictions } = regression(seedRng('grow'), 400, [0.6, 0.6, 0.6, 5]);
  const counts = growEnsemble(metric('rmse'), 'mean', numbers(truth), predictions);
  expect(counts.slice(0, 3).every((count) => count > 0)).toBe(true);
  expect(counts[3]).toBe(0);
  expect(growEnsemble(metric('rmse'), 'mean', numbers(truth), [truth, ...predictions])).toEqual([1, 0, 0, 0, 0]);
});

test('an ensemble is taken where it is clearly better, and left where it is not', () => {
  const { truth, predictions } = regression(seedRng('take'), 300, [0.7, 0.7, 0.7]);
  const blend = (counts: readonly number[]): Float64Array => blendCounts('mean', predictions, counts, 0);
  const contenders = contendersOf(predictions);
  const taken = selectWinner(metric('rmse'), numbers(truth), contenders, 's', blend([1, 1, 1]));
  expect(taken.ensemble).toMatchObject({ selected: true });
  expect(taken.ensemble?.probabilityBetter).toBeGreaterThan(0.99);
  expect(taken.estimate).toBeLessThan(taken.ranked[0]?.validationScore ?? 0);
  // The winner once more: as good as the winner, so nothing speaks for it.
  const winner = Number(taken.winnerId);
  const same = selectWinner(metric('rmse'), numbers(truth), contenders, 's', predictions[winner]);
  expect(same.ensemble).toMatchObject({ selected: false, probabilityBetter: 0.5 });
});

test('where one finalist always wins, the estimate is its validation score', () => {
  const { truth, predictions } = regression(seedRng('clear'), 300, [0.1, 2, 2]);
  const selection = selectWinner(metric('rmse'), numbers(truth), contendersOf(predictions), 's');
  expect(selection.estimate).toBeCloseTo(selection.ranked[0]?.validationScore ?? 0, 9);
});

interface Trial {
  readonly estimate: number;
  readonly naive: number;
  readonly worth: number;
  readonly error: number;
  readonly inside: boolean;
}

function summary(trials: readonly Trial[]) {
  const mean = (of: (trial: Trial) => number): number =>
    trials.reduce((sum, each) => sum + of(each), 0) / trials.length;
  const error = mean((trial) => trial.error);
  return {
    bias: mean((trial) => trial.estimate - trial.worth) / error,
    naiveBias: mean((trial) => trial.naive - trial.worth) / error,
    coverage: mean((trial) => Number(trial.inside)),
  };
}

/** The figures for whoever runs the tests. */
function told(what: string, { bias, naiveBias, coverage }: ReturnType<typeof summary>): void {
  process.stdout.write(
    `${what}: bias ${naiveBias.toFixed(2)} standard errors before, ${bias.toFixed(2)} after; the 95 % interval holds ${(100 * coverage).toFixed(1)} %\n`,
  );
}

function trialOf(selection: ReturnType<typeof selectWinner>, worthOf: (taken: number | 'ensemble') => number): Trial {
  const taken = selection.ensemble?.selected === true ? 'ensemble' : Number(selection.winnerId);
  const worth = worthOf(taken);
  const judged = taken === 'ensemble' ? selection.ensemble : selection.ranked[0];
  const { low = Number.NaN, high = Number.NaN } = selection.interval ?? {};
  return {
    estimate: selection.estimate ?? Number.NaN,
    naive: judged?.validationScore ?? Number.NaN,
    worth,
    error: judged?.validationStandardError ?? Number.NaN,
    inside: worth >= low && worth <= high,
  };
}

test('over 200 simulated seals of equal finalists the reported score is unbiased to a quarter of its standard error', () => {
  const trials = Array.from({ length: 200 }, (_, trial) => {
    const rng = seedRng(`equal:${trial}`);
    const [rows, accuracy] = [200, 0.8];
    const truth = Float64Array.from({ length: rows }, () => Number(nextFloat(rng) < 0.5));
    const predictions = Array.from({ length: 8 }, () =>
      truth.map((label) => (nextFloat(rng) < accuracy ? label : 1 - label)),
    );
    const validation = { count: rows, truth, width: 1, classCount: 2 };
    return trialOf(
      selectWinner(metric('accuracy'), validation, contendersOf(predictions), `s${trial}`),
      () => accuracy,
    );
  });
  const found = summary(trials);
  const { bias, naiveBias, coverage } = found;
  told('8 equal finalists', found);
  // The winner's curse is there: the score that chose is more than a standard error too good.
  expect(naiveBias).toBeGreaterThan(1);
  expect(Math.abs(bias)).toBeLessThanOrEqual(0.25);
  expect(coverage).toBeGreaterThanOrEqual(0.93);
});

test('over 200 simulated seals with an ensemble near the threshold the reported score is unbiased as well', () => {
  const errors = [0.16, 0.18, 0.2, 0.22];
  const trials = Array.from({ length: 200 }, (_, trial) => {
    const rng = seedRng(`ensemble:${trial}`);
    const search = regression(rng, 200, errors);
    const counts = growEnsemble(metric('rmse'), 'mean', numbers(search.truth), search.predictions);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const validation = regression(rng, 200, errors);
    const blended = blendCounts('mean', validation.predictions, counts, 0);
    const contenders = contendersOf(validation.predictions);
    const selection = selectWinner(metric('rmse'), numbers(validation.truth), contenders, `s${trial}`, blended);
    const worth = (own: number): number => Math.hypot(0.5, own);
    const spread = Math.hypot(...errors.map((error, index) => (error * (counts[index] ?? 0)) / total));
    return trialOf(selection, (taken) => worth(taken === 'ensemble' ? spread : (errors[taken] ?? 0)));
  });
  const found = summary(trials);
  const { bias, coverage } = found;
  told('an ensemble near the threshold', found);
  expect(Math.abs(bias)).toBeLessThanOrEqual(0.25);
  // 94 % over 1,000 runs; of 200 it is a little less by chance.
  expect(coverage).toBeGreaterThanOrEqual(0.91);
});
