// What a metric is. Each file beside this one holds one; registry.ts lists them.
//
// A metric is prepared once for a set of rows (sorting, ranking, losses) and can then be asked for its value under any
// whole-number row weights: that is what makes a bootstrap of 300 replicates affordable. A score alone needs less, and so
// may have a way of its own.
// Invariants:
// 1. Weights are multiplicities: the value under weights equals the value of the rows repeated that often.
// 2. The value of `score` is that of `prepare` without weights, but for rounding.
// 3. An undefined value is NaN here and becomes a typed failure in score.ts; it is never a number.

import { radixOrder } from './order.ts';

/** What a submission holds for each row. */
export type PredictionKind =
  /** One column per class. */
  | 'probabilities'
  /** One column: the probability of the positive class. */
  | 'probability'
  /** One numeric column. */
  | 'number'
  /** One column with a class label. */
  | 'label'
  /** Several numeric columns, by name; the answers have as many, unless the metric says otherwise. */
  | 'numbers'
  /** One column of free text: a list of items, a sentence, a run-length mask. */
  | 'text';

/** Rows to score, as columns of numbers. */
export interface Rows {
  readonly count: number;
  /**
   * Row-major, `truthWidth` values a row: the class index (0 or 1 where the kind is `probability`), the number, or the
   * index of the text in `texts`.
   */
  readonly truth: Float64Array;
  /** 1 where it is left out. */
  readonly truthWidth?: number;
  /** Row-major, `width` values a row: a probability per class, a probability, a number, a class index or a text's index. */
  readonly prediction: Float64Array;
  readonly width: number;
  /** Classes of the task; 0 for numbers. */
  readonly classCount: number;
  /** The texts of truth and predictions, where the kind is `text`. */
  readonly texts?: readonly string[];
  /** How much each column counts, where the metric takes weights; 1 each where they are left out. */
  readonly columnWeights?: readonly number[];
}

/** The metric's value; weights of 1 where none are given. */
export type Prepared = (weights?: Float64Array) => number;

export interface Score {
  readonly value: number;
  readonly standardError: number;
}

/** Bounds that a value must keep to, both ends included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface Metric {
  /** In kebab case. */
  readonly name: string;
  readonly title: string;
  readonly lowerIsBetter: boolean;
  readonly kind: PredictionKind;
  /** The best value there is. */
  readonly perfect: number;
  /** What predictions must keep to in a submission of a task. */
  readonly predictionRange?: Range;
  /** What the metric itself cannot do without, for predictions and truth alike. */
  readonly domain?: Range;
  /** True where labels must be numbers although they are classes. */
  readonly ordinal?: boolean;
  /** True where a constant prediction has no value. */
  readonly needsVariation?: boolean;
  /** True where the task must have two classes, of which the second is the positive one. */
  readonly binary?: boolean;
  /** Exact numbers of columns, for `numbers`. */
  readonly columns?: { readonly truth: number; readonly prediction: number };
  /** What one predicts who takes this for the answer, where predictions have other columns than answers. */
  predictionOf?(answer: Float64Array): readonly number[];
  /** Bounds of each column, for truth and predictions, where columns differ. */
  readonly columnDomains?: readonly Range[];
  /** True where the predictions of a row, and its answers, are shares of 1. */
  readonly sharesOfOne?: boolean;
  /** True where it takes `columnWeights`. */
  readonly takesColumnWeights?: boolean;
  /** What this answer lacks, beyond `domain`; a phrase that starts with "must". */
  truthProblem?(value: number): string | undefined;
  /** What this text lacks; a phrase that starts with "must". Answers and predictions alike. */
  textProblem?(text: string): string | undefined;
  /** What rows need for the metric to have a value, as in "it needs …". */
  readonly needs?: string;
  /** Where one row can cost far more than rows usually do: agents are shown the score of predictions held within this. */
  readonly shownWithin?: Range;
  /**
   * How many times more than in an even guess one label can move the score, by these predictions alone; at least 1. Absent
   * where what one label moves does not depend on how the predictions are spread.
   */
  leverage?(prediction: Float64Array, width: number): number;
  prepare(rows: Rows): Prepared;
  /** The value with its analytic standard error; where absent, score.ts takes `prepare` and a bootstrap. */
  score?(rows: Rows): Score;
}

/** Sum of the weights, or the number of rows. */
export function totalWeight(count: number, weights?: Float64Array): number {
  if (weights === undefined) return count;
  let total = 0;
  for (let row = 0; row < count; row += 1) total += weights[row] ?? 0;
  return total;
}

/** From so many rows on the radix sort is worth its counters. */
const radixRows = 1000;

/** Row numbers in ascending order of their values. */
export function ascendingOrder(values: Float64Array): Uint32Array {
  if (values.length >= radixRows && !values.some(Number.isNaN)) return radixOrder(values);
  const order = new Uint32Array(values.length);
  for (let row = 0; row < order.length; row += 1) order[row] = row;
  return order.sort((left, right) => (values[left] ?? 0) - (values[right] ?? 0));
}

/** The text of a code, for metrics of texts. */
export function textOf(rows: Rows, code: number | undefined): string {
  return rows.texts?.[code ?? 0] ?? '';
}

/** For metrics whose answers are yes or no in every column. */
export function mustBeBinary(value: number): string | undefined {
  return value === 0 || value === 1 ? undefined : 'must be 0 or 1';
}
