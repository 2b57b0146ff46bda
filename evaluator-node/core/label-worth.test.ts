// Without a worth of a label a reply would have no least noise, and bets could be read off it.

import { expect, test } from 'vitest';
import { labelWorth } from './label-worth.ts';
import type { Metric } from './metrics/metric.ts';
import { findMetric, metricNames } from './metrics/registry.ts';

const count = 60;

/** Answers that the metric takes, in the columns that it wants: numbers all over their range, classes, or texts. */
function answersFor(metric: Metric) {
  const width = metric.columns?.prediction ?? (metric.kind === 'numbers' ? 2 : metric.kind === 'probabilities' ? 7 : 1);
  const truthWidth = metric.columns?.truth ?? (metric.kind === 'numbers' ? width : 1);
  const takesShares = metric.domain === undefined && metric.truthProblem?.(0.5) === undefined;
  const isNumber = metric.kind === 'number' || (metric.kind === 'numbers' && takesShares);
  const classCount = metric.binary === true || metric.kind === 'probability' || metric.kind === 'numbers' ? 2 : 7;
  const texts = ['1 2', '3 4', '5 2'];
  const value = (row: number, column: number): number => {
    if (metric.sharesOfOne === true) return (row + column) % 2 === 0 ? 0.75 : 0.25;
    // Above nought, which some metrics cannot be divided by.
    if (isNumber) return 0.1 + (((row + column) * 7) % count) / count;
    return ((row + column) * 5) % (metric.kind === 'text' ? texts.length : classCount);
  };
  const truth = Float64Array.from({ length: count * truthWidth }, (_, at) =>
    value(Math.floor(at / truthWidth), at % truthWidth),
  );
  const shape = { count, truth, truthWidth, width, classCount: isNumber || metric.kind === 'text' ? 0 : classCount };
  return metric.kind === 'text' ? { ...shape, texts } : shape;
}

test('one label is worth something in every metric that there is', () => {
  const worth = metricNames.map((name) => {
    const metric = findMetric(name);
    return { name, worth: metric === undefined ? 0 : labelWorth(metric, answersFor(metric)) };
  });
  expect(worth.length).toBeGreaterThan(30);
  expect(worth.filter((each) => !(each.worth > 0))).toEqual([]);
});

test('where predictions have a spread beside the value, one label is worth what it moves at the least spread', () => {
  const metric = findMetric('laplace-log-likelihood') as Metric;
  const truth = Float64Array.from({ length: 200 }, (_, row) => row % 2);
  const rows = { count: 200, truth, truthWidth: 1, width: 2, classCount: 0 };
  expect(labelWorth(metric, rows)).toBeCloseTo(Math.SQRT2 / 70 / 200, 9);
});
