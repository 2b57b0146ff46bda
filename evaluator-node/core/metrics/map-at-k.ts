// Mean average precision of the first k predicted items, as ml_metrics.mapk and Kaggle's MAP@k: answers and predictions
// are items between blanks, predictions best first. An item predicted twice counts once; a row without answers counts 0.

import { itemsOf } from './items.ts';
import { meanOfLosses } from './mean-of-losses.ts';
import { type Metric, type Rows, textOf } from './metric.ts';

function precision(rows: Rows, row: number, k: number): number {
  const wanted = new Set(itemsOf(textOf(rows, rows.truth[row])));
  const left = new Set(wanted);
  let hits = 0;
  let sum = 0;
  for (const [place, item] of itemsOf(textOf(rows, rows.prediction[row])).slice(0, k).entries()) {
    if (!left.delete(item)) continue;
    hits += 1;
    sum += hits / (place + 1);
  }
  return wanted.size === 0 ? 0 : sum / Math.min(wanted.size, k);
}

/** The metric `map-at-<k>`. */
export function mapAtK(k: number): Metric {
  return {
    name: `map-at-${k}`,
    title: `Mean average precision at ${k}`,
    lowerIsBetter: false,
    kind: 'text',
    perfect: 1,
    ...meanOfLosses({ loss: (rows, row) => precision(rows, row, k) }),
  };
}
