// How much one label is worth: the most by which another answer in one row moves the score.
//
// It is measured on a guess, the answers of the split in another order, so it depends on the metric, the number of rows
// and the distribution of the answers alone: nothing that a submission can choose, and nothing that tells one row's label.
// Where predictions can gather a score in a few rows, `Metric.leverage` says by how much one label is worth more there.

import { nextInt, seedRng, shuffle } from '../../shared/core/rng.ts';
import { shownPredictions } from './feedback.ts';
import type { Metric, Rows } from './metrics/metric.ts';

/** Rows that are looked at; what one label moves goes with 1 / rows, so larger splits are measured on a part. */
const mostRows = 2000;
/** Different answers that are tried, in rows of every pair of an answer and a guess. */
const mostAnswers = 6;

/** In units of the score; 0 where a guess has no score or the answers are all the same. */
export function labelWorth(metric: Metric, answers: Omit<Rows, 'prediction'>): number {
  const rows = someRows(answers);
  const truthWidth = rows.truthWidth ?? 1;
  const order = shuffle(seedRng('guess'), [...Array(rows.count).keys()]);
  const prediction = guessOf(metric, rows, truthWidth, order);
  if (prediction === undefined) return 0;
  const valueWith = (truth: Float64Array): number => metric.prepare({ ...rows, truth, prediction })();
  const value = valueWith(rows.truth);
  if (!Number.isFinite(value)) return 0;
  const answerOf = (row: number): Float64Array => rows.truth.subarray(row * truthWidth, (row + 1) * truthWidth);
  const donors = differentAnswers(rows.count, answerOf);
  let most = 0;
  for (const row of placesOf(rows.count, donors, (each) => [
    answerOf(each).join(),
    answerOf(order[each] ?? 0).join(),
  ])) {
    for (const donor of donors.values()) {
      const truth = rows.truth.slice();
      truth.set(answerOf(donor), row * truthWidth);
      const moved = Math.abs(valueWith(truth) - value);
      if (Number.isFinite(moved)) most = Math.max(most, moved);
    }
  }
  return (most * rows.count) / answers.count;
}

/** What one label is worth under these predictions of the same rows. */
export function worthUnder(metric: Metric, worth: number, prediction: Float64Array, width: number): number {
  return worth * (metric.leverage?.(prediction, width) ?? 1);
}

/** As many rows as are looked at, drawn from the whole split. */
function someRows(answers: Omit<Rows, 'prediction'>): Omit<Rows, 'prediction'> {
  if (answers.count <= mostRows) return answers;
  const { truthWidth = 1, count } = answers;
  const truth = new Float64Array(mostRows * truthWidth);
  const rng = seedRng('rows');
  for (let row = 0; row < mostRows; row += 1) {
    const from = nextInt(rng, count) * truthWidth;
    truth.set(answers.truth.subarray(from, from + truthWidth), row * truthWidth);
  }
  return { ...answers, count: mostRows, truth };
}

/** The answers in that order, as predictions; undefined where predictions are not of the answers' shape. */
function guessOf(
  metric: Metric,
  rows: Omit<Rows, 'prediction'>,
  truthWidth: number,
  order: readonly number[],
): Float64Array | undefined {
  const wide = metric.kind === 'probabilities' && rows.width > 1;
  if (!wide && metric.predictionOf === undefined && rows.width !== truthWidth) return;
  const guess = new Float64Array(rows.count * rows.width);
  order.forEach((from, row) => {
    if (wide) guess[row * rows.width + (rows.truth[from] ?? 0)] = 1;
    else {
      const answer = rows.truth.subarray(from * truthWidth, (from + 1) * truthWidth);
      guess.set(metric.predictionOf?.(answer) ?? answer, row * rows.width);
    }
  });
  return shownPredictions(metric, guess, rows.width);
}

/** A row of each of some answers: all where there are few, else evenly from the smallest to the largest. */
function differentAnswers(count: number, answerOf: (row: number) => Float64Array): Map<string, number> {
  const order = [...Array(count).keys()].sort((left, right) => (answerOf(left)[0] ?? 0) - (answerOf(right)[0] ?? 0));
  const all = [...new Map(order.map((row) => [answerOf(row).join(), row]))];
  if (all.length <= mostAnswers) return new Map(all);
  const last = all.length - 1;
  return new Map(
    all.filter(
      (_, at) =>
        Math.ceil((at * (mostAnswers - 1)) / last) > Math.ceil(((at - 1) * (mostAnswers - 1)) / last) || at === 0,
    ),
  );
}

/** A row of every pair of an answer and a guess that occurs; pairs of answers that are not tried count as one. */
function placesOf(
  count: number,
  donors: ReadonlyMap<string, number>,
  pairOf: (row: number) => readonly string[],
): number[] {
  const places = new Map<string, number>();
  for (let row = 0; row < count; row += 1) {
    const key = pairOf(row)
      .map((each) => (donors.has(each) ? each : 'other'))
      .join(' / ');
    if (!places.has(key)) places.set(key, row);
  }
  return [...places.values()];
}
