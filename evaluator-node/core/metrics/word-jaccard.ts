// Mean Jaccard index of the words of two texts in lower case, as Kaggle's word-level Jaccard. Two texts without words are
// equal: 1, where Kaggle's code divides by zero.

import { itemsOf, sharedItems } from './items.ts';
import { meanOfLosses } from './mean-of-losses.ts';
import { type Metric, textOf } from './metric.ts';

export const wordJaccard: Metric = {
  name: 'word-jaccard',
  title: 'Word-level Jaccard index',
  lowerIsBetter: false,
  kind: 'text',
  perfect: 1,
  ...meanOfLosses({
    loss: (rows, row) => {
      const truth = new Set(itemsOf(textOf(rows, rows.truth[row]).toLowerCase()));
      const predicted = new Set(itemsOf(textOf(rows, rows.prediction[row]).toLowerCase()));
      const shared = sharedItems(truth, predicted);
      const all = truth.size + predicted.size - shared;
      return all === 0 ? 1 : shared / all;
    },
  }),
};
