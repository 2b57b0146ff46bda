// How much one row weighs in a correlation by the predictions alone. A correlation divides by the spread of the
// predictions, so a file that is the same in all but three rows has all of its score in those three: one label there moves
// it far more than one label of an even guess, while the bootstrap's error can be as small as the luck of the bets makes it.

import { averageRanksOf } from './ranks.ts';

/** The largest deviation from the mean in standard deviations, at least 1. */
export function leverage(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let squares = 0;
  let most = 0;
  for (const value of values) {
    const deviation = Math.abs(value - mean);
    squares += deviation ** 2;
    most = Math.max(most, deviation);
  }
  return squares > 0 ? Math.max(1, most / Math.sqrt(squares / values.length)) : 1;
}

/** The same of their ranks. */
export function rankLeverage(values: Float64Array): number {
  return leverage(averageRanksOf(values));
}

/** The same of the class that is named least often: as of a column that is 1 for it. */
export function labelLeverage(labels: Float64Array): number {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  if (counts.size < 2) return 1;
  const share = [...counts.values()].reduce((least, count) => Math.min(least, count), labels.length) / labels.length;
  return Math.max(1, Math.sqrt((1 - share) / share));
}
