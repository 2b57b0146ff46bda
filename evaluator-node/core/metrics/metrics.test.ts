import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootstrap, spread } from './bootstrap.ts';
import type { Metric, Rows } from './metric.ts';
import { findMetric, metricNames } from './registry.ts';
import { scoreRows } from './score.ts';
import { metricRemedy, suggestedMetric } from './suggestion.ts';

interface Case {
  classes?: number;
  truthWidth?: number;
  width: number;
  truth: (number | string)[];
  prediction: (number | string)[];
  weights?: number[];
}

interface GoldenCase extends Case {
  metric: string;
  note: string;
  score: number | null;
}

const golden = ['metrics.json', 'wide-metrics.json'].flatMap(
  (file) => JSON.parse(readFileSync(new URL(`./golden/${file}`, import.meta.url), 'utf8')) as readonly GoldenCase[],
);

function rowsOf(from: Case): Rows {
  const { truthWidth = 1, classes = 0, width, weights } = from;
  const texts = [...new Set([...from.truth, ...from.prediction])].filter((value) => typeof value === 'string');
  const codes = new Map(texts.map((text, code) => [text, code]));
  const numbers = (values: Case['truth']): Float64Array =>
    Float64Array.from(values, (value) => (typeof value === 'string' ? (codes.get(value) ?? -1) : value));
  return {
    count: from.truth.length / truthWidth,
    truth: numbers(from.truth),
    truthWidth,
    prediction: numbers(from.prediction),
    width,
    classCount: classes,
    ...(texts.length === 0 ? {} : { texts }),
    ...(weights === undefined ? {} : { columnWeights: weights }),
  };
}

function repeatRows(from: Case, weights: Float64Array): Case {
  const repeated = { truth: [] as Case['truth'], prediction: [] as Case['prediction'] };
  const { truthWidth = 1 } = from;
  weights.forEach((times, row) => {
    for (let each = 0; each < times; each += 1) {
      repeated.truth.push(...from.truth.slice(row * truthWidth, (row + 1) * truthWidth));
      repeated.prediction.push(...from.prediction.slice(row * from.width, (row + 1) * from.width));
    }
  });
  return { ...from, ...repeated };
}

function metricOf(name: string): Metric {
  const metric = findMetric(name);
  if (metric === undefined) throw new Error(`no metric ${name}`);
  return metric;
}

test.each(metricNames)('%s meets scikit-learn and scipy to 1e-9 in at least 20 cases', (name) => {
  const cases = golden.filter((each) => each.metric === name);
  expect(cases.length).toBeGreaterThanOrEqual(20);
  for (const each of cases) {
    const scored = scoreRows(metricOf(name), rowsOf(each), 'golden');
    const value = scored.ok ? scored.value.value : null;
    if (each.score === null || value === null)
      expect({ note: each.note, value }).toEqual({ note: each.note, value: each.score });
    else expect(Math.abs(value - each.score), each.note).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(each.score)));
  }
});

test.each(metricNames)('%s under whole-number weights equals itself over repeated rows', (name) => {
  for (const each of golden.filter((one) => one.metric === name && rowsOf(one).count > 4).slice(0, 14)) {
    const metric = metricOf(name);
    if (!scoreRows(metric, rowsOf(each), 'x').ok) continue;
    const weights = Float64Array.from({ length: rowsOf(each).count }, (_, row) => (row * 7 + 3) % 4);
    const weighted = metric.prepare(rowsOf(each))(weights);
    const plain = metric.prepare(rowsOf(repeatRows(each, weights)))();
    // The kappa of repeated rows may know fewer classes than the whole: the weighted one keeps the whole's distances.
    if (name === 'qwk' && (each.classes ?? 0) > 3) continue;
    if (Number.isNaN(plain)) expect(weighted).toBeNaN();
    else expect(Math.abs(weighted - plain), each.note).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(plain)));
  }
});

test('log loss over rows that lack classes never falls to 0 (the column-names trap)', () => {
  const onlyOneClass = rowsOf({ classes: 3, width: 3, truth: [2, 2], prediction: [0.6, 0.3, 0.1, 0.5, 0.3, 0.2] });
  const scored = scoreRows(metricOf('log-loss'), onlyOneClass, 's');
  expect(scored.ok && scored.value.value).toBeCloseTo((-Math.log(0.1) - Math.log(0.2)) / 2, 12);
});

test('a wrong number of prediction columns is a typed failure, not a score', () => {
  const rows = rowsOf({ classes: 3, width: 2, truth: [0, 1], prediction: [0.5, 0.5, 0.5, 0.5] });
  const scored = scoreRows(metricOf('log-loss'), rows, 's');
  expect(!scored.ok && scored.error.kind).toBe('wrongShape');
});

test('NaN and infinite predictions are refused by every metric', () => {
  for (const name of metricNames) {
    const sound = golden.find((each) => each.metric === name && each.score !== null && rowsOf(each).count > 2);
    if (sound === undefined) throw new Error(`no golden case of ${name}`);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const rows = rowsOf(sound);
      rows.prediction[1] = bad;
      expect(scoreRows(metricOf(name), rows, 's').ok, name).toBe(false);
    }
  }
});

test('a wrong number of columns, answers or classes is a typed failure of every metric', () => {
  for (const name of metricNames) {
    const sound = golden.find((each) => each.metric === name && each.score !== null && rowsOf(each).count > 2);
    if (sound === undefined) throw new Error(`no golden case of ${name}`);
    const rows = rowsOf(sound);
    const wider = { ...rows, width: rows.width + 2, prediction: new Float64Array(rows.count * (rows.width + 2)) };
    const truthWidth = (rows.truthWidth ?? 1) + 1;
    const more = { ...rows, truthWidth, truth: new Float64Array(rows.count * truthWidth) };
    const shorter = { ...rows, truth: rows.truth.subarray(1) };
    const weighted = { ...rows, columnWeights: new Array<number>(rows.width + 1).fill(1) };
    for (const wrong of [wider, more, shorter, weighted]) {
      const scored = scoreRows(metricOf(name), wrong, 's');
      expect(scored.ok ? 'a score' : scored.error.kind, name).toBe('wrongShape');
    }
    const empty = { ...rows, count: 0, truth: new Float64Array(), prediction: new Float64Array() };
    const scored = scoreRows(metricOf(name), empty, 's');
    expect(scored.ok ? 'a score' : scored.error.kind, name).toBe('noRows');
  }
});

test('analytic standard errors of ratios and of wide losses agree with the bootstrap within 20 %', () => {
  for (const name of [
    'lwlrap',
    'log-loss-multi-label',
    'f1-sets-micro',
    'token-error-rate',
    'dice-global',
    'map-at-5',
  ]) {
    const large = golden
      .filter((each) => each.metric === name && (each.score ?? 0) > 0 && each.score !== 1 && each.weights === undefined)
      .reduce((best, each) => (rowsOf(each).count > rowsOf(best).count ? each : best));
    const metric = metricOf(name);
    const rows = rowsOf(large);
    const [replicates] = bootstrap([metric.prepare(rows)], rows.count, { seed: 'wide', replicates: 800 });
    const ratio = (metric.score?.(rows).standardError ?? Number.NaN) / spread(replicates ?? new Float64Array());
    expect(ratio, name).toBeGreaterThan(0.8);
    expect(ratio, name).toBeLessThan(1.25);
  }
});

test.each(metricNames)('%s scores rows as it does for a bootstrap without weights', (name) => {
  const metric = metricOf(name);
  for (const each of golden.filter((one) => one.metric === name)) {
    const rows = rowsOf(each);
    const scored = metric.score?.(rows).value;
    if (scored === undefined) continue;
    const prepared = metric.prepare(rows)();
    if (!Number.isFinite(prepared)) expect(Number.isFinite(scored), each.note).toBe(false);
    else expect(Math.abs(scored - prepared), each.note).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(prepared)));
  }
});

test('the area under the curve and its error are those of all pairs, ties and both zeros included', () => {
  const row = fc.record({ truth: fc.constantFrom(0, 1), guess: fc.constantFrom(0, -0, 0.25, 0.5, 0.5000001, 1) });
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 40 }), (all) => {
      const [ones, zeros] = [1, 0].map((truth) => all.filter((each) => each.truth === truth));
      if (ones === undefined || zeros === undefined || ones.length < 2 || zeros.length < 2) return;
      const beats = (left: number, right: number): number => (left > right ? 1 : left === right ? 0.5 : 0);
      const mean = (values: number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
      const variance = (values: number[]): number =>
        (mean(values.map((each) => (each - mean(values)) ** 2)) * values.length) / (values.length - 1);
      const ofOnes = ones.map((one) => mean(zeros.map((zero) => beats(one.guess, zero.guess))));
      const ofZeros = zeros.map((zero) => mean(ones.map((one) => beats(one.guess, zero.guess))));
      const rows = rowsOf({
        classes: 2,
        width: 1,
        truth: all.map((each) => each.truth),
        prediction: all.map((each) => each.guess),
      });
      const scored = metricOf('roc-auc').score?.(rows);
      expect(scored?.value).toBeCloseTo(mean(ofOnes), 12);
      expect(scored?.value).toBe(metricOf('roc-auc').prepare(rows)());
      const error = Math.sqrt(variance(ofOnes) / ones.length + variance(ofZeros) / zeros.length);
      expect(scored?.standardError).toBeCloseTo(error, 12);
    }),
  );
});

test('a family is found by any sensible number, and by no other', () => {
  expect(findMetric('map-at-7')?.name).toBe('map-at-7');
  expect(findMetric('top-2-error')?.name).toBe('top-2-error');
  expect(findMetric('quantile-loss-0.25')?.name).toBe('quantile-loss-0.25');
  for (const name of ['map-at-0', 'map-at-', 'map-at-1000', 'ndcg-at-x', 'quantile-loss-1', 'quantile-loss-0.10']) {
    expect(findMetric(name), name).toBeUndefined();
  }
});

test('analytic standard errors agree with the bootstrap within 15 %', () => {
  fc.assert(
    fc.property(fc.constantFrom('log-loss', 'roc-auc', 'accuracy', 'rmse', 'mae', 'rmsle'), (name) => {
      const metric = metricOf(name);
      const count = 400;
      const truth = Array.from({ length: count }, (_, row) => (row * 13) % 2);
      const wobble = (row: number): number => ((row * 7919) % 101) / 101;
      const guess = (value: number, row: number): number => 0.15 + 0.3 * value + 0.5 * wobble(row);
      const prediction = truth.map((value, row) =>
        metric.kind === 'label' ? (wobble(row) < 0.7 ? value : 1 - value) : guess(value, row),
      );
      const rows = rowsOf({ classes: 2, width: 1, truth, prediction });
      const analytic = metric.score?.(rows).standardError ?? Number.NaN;
      const [replicates] = bootstrap([metric.prepare(rows)], count, { seed: 'se', replicates: 600 });
      const measured = spread(replicates ?? new Float64Array());
      expect(analytic / measured, name).toBeGreaterThan(0.85);
      expect(analytic / measured, name).toBeLessThan(1.15);
    }),
    { numRuns: 12 },
  );
});

test('a mistyped metric name is answered with the nearest one', () => {
  expect(suggestedMetric('logloss')).toBe('log-loss');
  expect(suggestedMetric('ROC_AUC')).toBe('roc-auc');
  expect(suggestedMetric('acuracy')).toBe('accuracy');
  expect(suggestedMetric('f1macro')).toBe('f1-macro');
  for (const kappa of ['kappa', 'quadratic-kappa', 'cohen_kappa', 'Quadratic Weighted Kappa'])
    expect(suggestedMetric(kappa)).toBe('qwk');
  expect(suggestedMetric('macro-f1')).toBe('f1-macro');
  expect(suggestedMetric('f1')).toBe('f1-binary for two classes, or f1-macro for several');
  expect(suggestedMetric('map@5')).toBe('map-at-5');
  expect(suggestedMetric('MAP_at_7')).toBe('map-at-7');
  expect(suggestedMetric('ndcg10')).toBe('ndcg-at-10');
  expect(suggestedMetric('zzzzzzzz')).toBeUndefined();
  expect(suggestedMetric('constructor')).toBeUndefined();
  expect(metricRemedy('kappa')).toMatch(/^Did you mean qwk\? Known are accuracy, /);
  expect(metricRemedy('zzzzzzzz')).toMatch(/^Known are accuracy, /);
});
