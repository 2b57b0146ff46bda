// Label-weighted label-ranking average precision: scikit-learn's label_ranking_average_precision_score in which a row
// counts as often as it has labels. Labels that tie take the last of their places. Rows without labels do not count.

import { ratioOfSums } from './mean-of-losses.ts';
import { type Metric, mustBeBinary, type Rows } from './metric.ts';

/** Sum over the row's labels of the precision at their place. */
function precisions(rows: Rows, row: number): number {
  const start = row * rows.width;
  let sum = 0;
  for (let label = 0; label < rows.width; label += 1) {
    if (rows.truth[start + label] !== 1) continue;
    const score = rows.prediction[start + label] ?? 0;
    let place = 0;
    let hits = 0;
    for (let other = 0; other < rows.width; other += 1) {
      if ((rows.prediction[start + other] ?? 0) < score) continue;
      place += 1;
      hits += rows.truth[start + other] ?? 0;
    }
    sum += hits / place;
  }
  return sum;
}

function labelsOf(rows: Rows, row: number): number {
  let labels = 0;
  for (let label = 0; label < rows.width; label += 1) labels += rows.truth[row * rows.width + label] ?? 0;
  return labels;
}

export const lwlrap: Metric = {
  name: 'lwlrap',
  title: 'Label-weighted label-ranking average precision',
  lowerIsBetter: false,
  kind: 'numbers',
  perfect: 1,
  truthProblem: mustBeBinary,
  needs: 'a row with a label',
  ...ratioOfSums({ above: precisions, below: labelsOf }),
};
