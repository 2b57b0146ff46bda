// Edit distances of texts. `levenshtein`: mean number of characters (code points, as in Python) to insert, delete or
// replace. `levenshtein-normalised`: the mean of that by the length of the longer text. `token-error-rate`: edits of items
// between blanks, summed, by the number of items in the answers (ChaLearn's gesture task, speech's word error rate).

import { itemsOf } from './items.ts';
import { meanOfLosses, ratioOfSums } from './mean-of-losses.ts';
import { type Metric, type Rows, textOf } from './metric.ts';

/** A distance costs the product of both lengths, so that texts of any length could hold up the evaluator. */
const longestText = 2048;

const text = {
  lowerIsBetter: true,
  kind: 'text',
  perfect: 0,
  textProblem: (value: string) =>
    value.length > longestText ? `must have at most ${longestText} characters` : undefined,
} as const;

function edits(left: readonly string[], right: readonly string[]): number {
  let row = Uint32Array.from({ length: right.length + 1 }, (_, at) => at);
  let next = new Uint32Array(right.length + 1);
  for (let at = 1; at <= left.length; at += 1) {
    next[0] = at;
    for (let to = 1; to <= right.length; to += 1) {
      const replaced = (row[to - 1] ?? 0) + (left[at - 1] === right[to - 1] ? 0 : 1);
      next[to] = Math.min(replaced, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1);
    }
    const spare = row;
    row = next;
    next = spare;
  }
  return row[right.length] ?? 0;
}

/** The distance of a row's texts, and the longer length. */
function characters(rows: Rows, row: number): { distance: number; longer: number } {
  const truth = [...textOf(rows, rows.truth[row])];
  const predicted = [...textOf(rows, rows.prediction[row])];
  return { distance: edits(truth, predicted), longer: Math.max(truth.length, predicted.length) };
}

export const levenshtein: Metric = {
  ...text,
  name: 'levenshtein',
  title: 'Mean Levenshtein distance',
  ...meanOfLosses({ loss: (rows, row) => characters(rows, row).distance }),
};

export const levenshteinNormalised: Metric = {
  ...text,
  name: 'levenshtein-normalised',
  title: 'Mean Levenshtein distance by the longer length',
  ...meanOfLosses({
    loss: (rows, row) => {
      const { distance, longer } = characters(rows, row);
      return longer === 0 ? 0 : distance / longer;
    },
  }),
};

export const tokenErrorRate: Metric = {
  ...text,
  name: 'token-error-rate',
  title: 'Edits of items by the number of items in the answers',
  needs: 'an item among the answers',
  ...ratioOfSums({
    above: (rows, row) => edits(itemsOf(textOf(rows, rows.truth[row])), itemsOf(textOf(rows, rows.prediction[row]))),
    below: (rows, row) => itemsOf(textOf(rows, rows.truth[row])).length,
  }),
};
