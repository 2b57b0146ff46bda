// The area under the ROC curve of more than two classes or labels, as scikit-learn's roc_auc_score with
// average='macro': one class against the rest (multi_class='ovr'), or one yes-or-no label a column. A class or label
// that has only positives or only negatives has no value, so neither has the mean.

import { columnMean } from './column-mean.ts';
import { type Metric, mustBeBinary, type Rows } from './metric.ts';
import { rocAuc } from './roc-auc.ts';

/** The rows of one class against all others. */
function against(rows: Rows, index: number): Rows {
  const prediction = new Float64Array(rows.count);
  for (let row = 0; row < rows.count; row += 1) prediction[row] = rows.prediction[row * rows.width + index] ?? 0;
  const truth = rows.truth.map((each) => Number(each === index));
  return { count: rows.count, truth, prediction, width: 1, classCount: 2 };
}

export const rocAucOvr: Metric = {
  name: 'roc-auc-ovr',
  title: 'Area under the ROC curve, macro, one class against the rest',
  lowerIsBetter: false,
  kind: 'probabilities',
  perfect: 1,
  predictionRange: { low: 0, high: 1 },
  domain: { low: 0, high: 1 },
  needs: 'every class among the answers',
  prepare(rows) {
    if (rows.width === 1) return rocAuc.prepare(rows);
    const classes = Array.from({ length: rows.width }, (_, index) => rocAuc.prepare(against(rows, index)));
    return (weights) => classes.reduce((sum, prepared) => sum + prepared(weights), 0) / classes.length;
  },
};

export const rocAucColumnMean: Metric = {
  name: 'roc-auc-column-mean',
  title: 'Mean column-wise area under the ROC curve',
  lowerIsBetter: false,
  kind: 'numbers',
  perfect: 1,
  predictionRange: { low: 0, high: 1 },
  truthProblem: mustBeBinary,
  needs: 'both 0 and 1 in every column of the answers',
  ...columnMean(rocAuc),
};
