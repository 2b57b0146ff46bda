// Area under the receiver operating characteristic of a binary problem, as scikit-learn's roc_auc_score: the chance that
// a positive row is ranked above a negative one, ties counting half. A truth of one class has no value.
// The standard error is DeLong's (1988), from mid-ranks.
//
// A score takes two sorts of bare numbers, one a class, and no order of rows: half the time and a third of the memory at a
// million rows. Counts of pairs are whole or half numbers, so both ways give the same value.

import { release } from '../release.ts';
import { ascendingOrder, type Metric, type Rows } from './metric.ts';

function areaUnder(rows: Rows, order: Uint32Array, weights?: Float64Array): number {
  let below = 0;
  let positives = 0;
  let area = 0;
  for (let start = 0; start < order.length; ) {
    const value = rows.prediction[order[start] ?? 0];
    let tiedPositives = 0;
    let tiedNegatives = 0;
    let end = start;
    for (; end < order.length && rows.prediction[order[end] ?? 0] === value; end += 1) {
      const row = order[end] ?? 0;
      const weight = weights?.[row] ?? 1;
      if (rows.truth[row] === 1) tiedPositives += weight;
      else tiedNegatives += weight;
    }
    area += tiedPositives * (below + tiedNegatives / 2);
    below += tiedNegatives;
    positives += tiedPositives;
    start = end;
  }
  return area / (positives * below);
}

/** The predictions of each class, ascending, in memory that they share. */
interface Sides {
  readonly positive: Float64Array;
  readonly negative: Float64Array;
}

function sidesOf(rows: Rows): Sides {
  const values = new Float64Array(rows.count);
  let positives = 0;
  let end = rows.count;
  for (let row = 0; row < rows.count; row += 1) {
    const value = rows.prediction[row] ?? 0;
    if (rows.truth[row] === 1) values[positives++] = value;
    else values[--end] = value;
  }
  return { positive: values.subarray(0, positives).sort(), negative: values.subarray(positives).sort() };
}

/** Of each value, how many of the others are below it, ties counting half; both ascending. */
function eachBelow(values: Float64Array, others: Float64Array, take: (below: number) => void): void {
  let below = 0;
  let notAbove = 0;
  for (const value of values) {
    while (below < others.length && (others[below] ?? 0) < value) below += 1;
    if (notAbove < below) notAbove = below;
    while (notAbove < others.length && (others[notAbove] ?? 0) === value) notAbove += 1;
    take((below + notAbove) / 2);
  }
}

/** Variance of the shares of the others that each value beats; their mean is known. */
function placementVariance(values: Float64Array, others: Float64Array, mean: number): number {
  if (values.length < 2) return 0;
  let squares = 0;
  eachBelow(values, others, (below) => {
    squares += (below / others.length - mean) ** 2;
  });
  return squares / (values.length - 1);
}

export const rocAuc: Metric = {
  name: 'roc-auc',
  title: 'Area under the ROC curve',
  lowerIsBetter: false,
  kind: 'probability',
  perfect: 1,
  predictionRange: { low: 0, high: 1 },
  prepare(rows) {
    const order = ascendingOrder(rows.prediction);
    return (weights) => areaUnder(rows, order, weights);
  },
  score(rows) {
    const { positive, negative } = sidesOf(rows);
    let pairs = 0;
    eachBelow(positive, negative, (below) => {
      pairs += below;
    });
    const value = pairs / (positive.length * negative.length);
    const ofPositive = placementVariance(positive, negative, value) / positive.length;
    const ofNegative = placementVariance(negative, positive, 1 - value) / negative.length;
    release(positive);
    return { value, standardError: Math.sqrt(ofPositive + ofNegative) };
  },
};
