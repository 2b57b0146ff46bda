// Area under the receiver operating characteristic of a binary problem, as scikit-learn's roc_auc_score: the chance that
// a positive row is ranked above a negative one, ties counting half. A truth of one class has no value.
// The standard error is DeLong's (1988), from mid-ranks.

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

/** Of each row, the share of the other class that it beats, ties counting half. */
function placements(rows: Rows, order: Uint32Array): { positive: Float64Array; negative: Float64Array } {
  const negatives = rows.truth.reduce((count, truth) => count + (truth === 1 ? 0 : 1), 0);
  const positives = rows.count - negatives;
  const placed = { positive: new Float64Array(positives), negative: new Float64Array(negatives) };
  let negativesBelow = 0;
  let positivesBelow = 0;
  for (let start = 0; start < order.length; ) {
    const value = rows.prediction[order[start] ?? 0];
    let tiedPositives = 0;
    let end = start;
    for (; end < order.length && rows.prediction[order[end] ?? 0] === value; end += 1) {
      if (rows.truth[order[end] ?? 0] === 1) tiedPositives += 1;
    }
    const tiedNegatives = end - start - tiedPositives;
    const ofPositives = (negativesBelow + tiedNegatives / 2) / negatives;
    const ofNegatives = (positivesBelow + tiedPositives / 2) / positives;
    placed.positive.fill(ofPositives, positivesBelow, positivesBelow + tiedPositives);
    placed.negative.fill(ofNegatives, negativesBelow, negativesBelow + tiedNegatives);
    negativesBelow += tiedNegatives;
    positivesBelow += tiedPositives;
    start = end;
  }
  return placed;
}

function variance(values: Float64Array): number {
  if (values.length < 2) return 0;
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
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
  standardError(rows) {
    const { positive, negative } = placements(rows, ascendingOrder(rows.prediction));
    return Math.sqrt(variance(positive) / positive.length + variance(negative) / negative.length);
  },
};
