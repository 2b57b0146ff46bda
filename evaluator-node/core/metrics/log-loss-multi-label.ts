// Logarithmic loss of several yes-or-no labels: that of each column as scikit-learn's log_loss with eps=1e-15, averaged
// over the columns by `columnWeights`. A column without positives, or without negatives, is scored like all others.

import { meanOfLosses } from './mean-of-losses.ts';
import { type Metric, mustBeBinary, type Rows } from './metric.ts';

const epsilon = 1e-15;
/** As for log-loss: what is shown is clipped, so that no row can spell its labels. */
const shownEpsilon = 1e-3;

function rowLoss(rows: Rows, row: number): number {
  let sum = 0;
  let total = 0;
  for (let column = 0; column < rows.width; column += 1) {
    const weight = rows.columnWeights?.[column] ?? 1;
    const at = row * rows.width + column;
    const positive = Math.min(1 - epsilon, Math.max(epsilon, rows.prediction[at] ?? 0));
    sum -= weight * Math.log(rows.truth[at] === 1 ? positive : 1 - positive);
    total += weight;
  }
  return sum / total;
}

export const logLossMultiLabel: Metric = {
  name: 'log-loss-multi-label',
  title: 'Logarithmic loss, mean over labels',
  lowerIsBetter: true,
  kind: 'numbers',
  perfect: 0,
  shownWithin: { low: shownEpsilon, high: 1 - shownEpsilon },
  predictionRange: { low: 0, high: 1 },
  domain: { low: 0, high: 1 },
  truthProblem: mustBeBinary,
  takesColumnWeights: true,
  ...meanOfLosses({ loss: rowLoss }),
};
