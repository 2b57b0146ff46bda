// F1 of sets of labels, written as items between blanks: the mean over rows, or over all decisions at once; as
// scikit-learn's f1_score with average='samples' and average='micro' over indicator columns, zero_division=0.

import { itemsOf, sharedItems } from './items.ts';
import { meanOfLosses, ratioOfSums } from './mean-of-losses.ts';
import { type Metric, type Rows, textOf } from './metric.ts';

function setsOf(rows: Rows, row: number): { shared: number; both: number } {
  const truth = new Set(itemsOf(textOf(rows, rows.truth[row])));
  const predicted = new Set(itemsOf(textOf(rows, rows.prediction[row])));
  return { shared: sharedItems(truth, predicted), both: truth.size + predicted.size };
}

export const f1Samples: Metric = {
  name: 'f1-samples',
  title: 'F1 of label sets, mean over rows',
  lowerIsBetter: false,
  kind: 'text',
  perfect: 1,
  ...meanOfLosses({
    loss: (rows, row) => {
      const { shared, both } = setsOf(rows, row);
      return both === 0 ? 0 : (2 * shared) / both;
    },
  }),
};

export const f1SetsMicro: Metric = {
  name: 'f1-sets-micro',
  title: 'F1 of label sets, over all decisions',
  lowerIsBetter: false,
  kind: 'text',
  perfect: 1,
  needs: 'a label among answers or predictions',
  ...ratioOfSums({
    above: (rows, row) => 2 * setsOf(rows, row).shared,
    below: (rows, row) => setsOf(rows, row).both,
  }),
};
