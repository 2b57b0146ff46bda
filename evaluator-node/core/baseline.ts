// The trivial baseline that a run's result stands beside: it knows the training labels and no feature.

import type { Metric } from './metrics/metric.ts';

export interface Baseline {
  /** In words, for people. */
  readonly name: string;
  /** The same prediction for every row, one value a prediction column. */
  readonly row: Float64Array;
}

/** The constant prediction that suits the metric. `truth` holds the training labels. */
export function trivialBaseline(metric: Metric, truth: Float64Array, classCount: number, width: number): Baseline {
  switch (metric.kind) {
    case 'probabilities': {
      const frequencies = classFrequencies(truth, classCount);
      return { name: 'class frequencies', row: width === 1 ? frequencies.slice(1, 2) : frequencies };
    }
    case 'probability':
      return { name: 'constant 0.5', row: Float64Array.of(0.5) };
    case 'label': {
      const frequencies = classFrequencies(truth, classCount);
      return {
        name: 'majority label',
        row: Float64Array.of(frequencies.indexOf(frequencies.reduce((most, share) => Math.max(most, share), 0))),
      };
    }
    case 'number':
      return numberBaseline(metric, truth);
    case 'numbers':
      return columnsBaseline(metric, truth, width);
    case 'text':
      return { name: 'commonest text', row: Float64Array.of(commonest(truth)) };
  }
}

/** The mean of each column; where predictions have one more than the answers, it is the standard deviation. */
function columnsBaseline(metric: Metric, truth: Float64Array, width: number): Baseline {
  const truthWidth = metric.columns?.truth ?? width;
  const columns = Array.from({ length: truthWidth }, (_, column) =>
    truth.filter((_value, at) => at % truthWidth === column),
  );
  const means = columns.map(mean);
  if (width === truthWidth) return { name: 'mean of each column', row: Float64Array.from(means) };
  const [center = 0] = means;
  return {
    name: 'mean and deviation',
    row: Float64Array.of(center, Math.sqrt(mean(truth.map((value) => (value - center) ** 2)))),
  };
}

function commonest(codes: Float64Array): number {
  const counts = new Map<number, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  let best = 0;
  for (const [code, count] of counts) if (count > (counts.get(best) ?? 0)) best = code;
  return best;
}

function numberBaseline(metric: Metric, truth: Float64Array): Baseline {
  if (metric.name === 'mae' || metric.name === 'medae') return { name: 'median', row: Float64Array.of(median(truth)) };
  if (metric.name === 'rmsle') {
    const logMean = mean(truth.map(Math.log1p));
    return { name: 'mean of the logarithms', row: Float64Array.of(Math.expm1(logMean)) };
  }
  return { name: 'mean', row: Float64Array.of(mean(truth)) };
}

function classFrequencies(truth: Float64Array, classCount: number): Float64Array {
  const counts = new Float64Array(classCount);
  for (const index of truth) counts[index] = (counts[index] ?? 0) + 1;
  return counts.map((count) => count / truth.length);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: Float64Array): number {
  const sorted = values.slice().sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
