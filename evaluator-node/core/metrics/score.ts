// A metric applied to rows: the value with its standard error, or the reason why there is none.

import { err, ok, type Result } from '../../../shared/core/result.ts';
import { affordableReplicates, bootstrap, defaultReplicates, spread } from './bootstrap.ts';
import type { Metric, Range, Rows, Score } from './metric.ts';

export type { Score } from './metric.ts';

/** Why a metric has no value; `message` is one sentence that depends on no label. */
export interface ScoreFailure {
  readonly kind: 'noRows' | 'wrongShape' | 'outOfDomain' | 'undefined';
  readonly message: string;
}

/** Scores the rows. The seed fixes the bootstrap, where the metric needs one. */
export function scoreRows(metric: Metric, rows: Rows, seed: string): Result<Score, ScoreFailure> {
  const failure = shapeFailure(metric, rows) ?? domainFailure(metric, rows);
  if (failure !== undefined) return err(failure);
  const analytic = metric.score?.(rows);
  const prepared = analytic !== undefined && isFiniteScore(analytic) ? undefined : metric.prepare(rows);
  const value = analytic?.value ?? prepared?.() ?? Number.NaN;
  if (!Number.isFinite(value)) {
    return err({
      kind: 'undefined',
      message: `${metric.name} has no value for these rows: ${undefinedReason(metric)}`,
    });
  }
  if (prepared === undefined) return ok({ value, standardError: analytic?.standardError ?? 0 });
  const replicates = affordableReplicates(rows.count, 1, defaultReplicates);
  const [scores] = bootstrap([prepared], rows.count, { seed, replicates });
  return ok({ value, standardError: scores === undefined ? 0 : spread(scores) });
}

function isFiniteScore({ value, standardError }: Score): boolean {
  return Number.isFinite(value) && Number.isFinite(standardError);
}

function shapeFailure(metric: Metric, rows: Rows): ScoreFailure | undefined {
  if (rows.count === 0) return { kind: 'noRows', message: 'there are no rows to score' };
  const { count, width, truthWidth = 1 } = rows;
  const lengthsFit = rows.truth.length === count * truthWidth && rows.prediction.length === count * width;
  if (lengthsFit && widthsFit(metric, rows) && (metric.binary !== true || rows.classCount === 2)) return;
  const classes = metric.binary === true ? ` and ${rows.classCount} classes` : '';
  return { kind: 'wrongShape', message: `${metric.name} got ${width} prediction columns for ${count} rows${classes}` };
}

function widthsFit(metric: Metric, { width, truthWidth = 1, classCount, columnWeights }: Rows): boolean {
  if (columnWeights !== undefined && columnWeights.length !== width) return false;
  if (metric.kind !== 'numbers') {
    const wide = metric.kind === 'probabilities' && width > 1;
    return truthWidth === 1 && (wide ? width === classCount : width === 1);
  }
  if (metric.columns === undefined) return width > 0 && width === truthWidth;
  return width === metric.columns.prediction && truthWidth === metric.columns.truth;
}

function domainFailure(metric: Metric, rows: Rows): ScoreFailure | undefined {
  const outside = (message: string): ScoreFailure => ({ kind: 'outOfDomain', message: `${metric.name} ${message}` });
  if (!rows.prediction.every(Number.isFinite) || !rows.truth.every(Number.isFinite)) {
    return outside('takes finite numbers only');
  }
  if (metric.kind === 'text') return textFailure(metric, rows);
  const problem = truthProblem(metric, rows.truth);
  if (problem !== undefined) return outside(`takes no such answers: each ${problem}`);
  const numeric = metric.kind === 'number' || metric.kind === 'numbers';
  const sides = [
    { values: rows.prediction, width: rows.width },
    ...(numeric ? [{ values: rows.truth, width: rows.truthWidth ?? 1 }] : []),
  ];
  for (const { values, width } of sides) {
    const bounds = boundsBroken(metric, values, width);
    if (bounds !== undefined) return outside(`takes values ${boundsText(bounds)}`);
    if (metric.sharesOfOne === true && !sumsToOne(values, width)) return outside('takes shares that sum to 1');
  }
  return;
}

function truthProblem(metric: Metric, truth: Float64Array): string | undefined {
  if (metric.truthProblem === undefined) return;
  for (const value of truth) {
    const problem = metric.truthProblem(value);
    if (problem !== undefined) return problem;
  }
  return;
}

function textFailure(metric: Metric, rows: Rows): ScoreFailure | undefined {
  const known = (code: number): boolean => rows.texts?.[code] !== undefined;
  if (!rows.truth.every(known) || !rows.prediction.every(known)) {
    return { kind: 'wrongShape', message: `${metric.name} takes texts` };
  }
  for (const text of rows.texts ?? []) {
    const problem = metric.textProblem?.(text);
    if (problem !== undefined) return { kind: 'outOfDomain', message: `${metric.name}: each text ${problem}` };
  }
  return;
}

function boundsBroken(metric: Metric, values: Float64Array, width: number): Range | undefined {
  if (metric.domain === undefined && metric.columnDomains === undefined) return;
  for (let at = 0; at < values.length; at += 1) {
    const bounds = metric.columnDomains?.[at % width] ?? metric.domain;
    const value = values[at] ?? Number.NaN;
    if (bounds !== undefined && !(value >= bounds.low && value <= bounds.high)) return bounds;
  }
  return;
}

function boundsText({ low, high }: Range): string {
  return high === Number.MAX_VALUE ? `of at least ${low}` : `between ${low} and ${high}`;
}

/** How far the shares of a row may be from 1 in sum: what printed decimals lose. */
const sumTolerance = 1e-3;

function sumsToOne(values: Float64Array, width: number): boolean {
  for (let start = 0; start < values.length; start += width) {
    const sum = values.subarray(start, start + width).reduce((total, value) => total + value, 0);
    if (Math.abs(sum - 1) > sumTolerance) return false;
  }
  return true;
}

function undefinedReason(metric: Metric): string {
  if (metric.needs !== undefined) return `it needs ${metric.needs}`;
  if (metric.needsVariation === true) return 'it needs at least two different values among predictions and answers';
  if (metric.kind === 'probability') return 'it needs both classes among the answers';
  return 'it needs at least two rows that differ';
}
