// Overlap of run-length masks ("start length start length …", pixels counted from 1, "" or "-" for none).
// `dice`, `mean-iou`: the mean over rows; two empty masks agree: 1. `dice-global`: over the pixels of all rows at once.
// Overlap needs no image: two sorted lists of runs are merged.

import { itemsOf } from './items.ts';
import { meanOfLosses, ratioOfSums } from './mean-of-losses.ts';
import { type Metric, type Rows, textOf } from './metric.ts';

type Run = readonly [start: number, end: number];

/** Beyond this a pixel number is no pixel's: a terapixel image. */
const lastPixel = 1e12;
const malformed = 'must be a run-length mask: pairs of start (from 1) and length (from 1), no pixel twice, or empty';

/** The runs in ascending order, or undefined where the text is no mask. */
function runsOf(text: string): Run[] | undefined {
  const items = itemsOf(text);
  if (items.length === 0 || (items.length === 1 && items[0] === '-')) return [];
  if (items.length % 2 !== 0 || !items.every((item) => /^[0-9]{1,13}$/.test(item))) return;
  const runs: Run[] = [];
  for (let at = 0; at < items.length; at += 2) {
    const start = Number(items[at]);
    const length = Number(items[at + 1]);
    if (start < 1 || length < 1 || start + length > lastPixel) return;
    runs.push([start, start + length]);
  }
  runs.sort((left, right) => left[0] - right[0]);
  const overlapping = runs.some(([start], index) => start < (runs[index - 1]?.[1] ?? 0));
  return overlapping ? undefined : runs;
}

function pixels(runs: readonly Run[]): number {
  return runs.reduce((sum, [start, end]) => sum + end - start, 0);
}

function overlap(left: readonly Run[], right: readonly Run[]): number {
  let shared = 0;
  for (let at = 0, other = 0; at < left.length && other < right.length; ) {
    const [start = 0, end = 0] = left[at] ?? [];
    const [otherStart = 0, otherEnd = 0] = right[other] ?? [];
    shared += Math.max(0, Math.min(end, otherEnd) - Math.max(start, otherStart));
    if (end < otherEnd) at += 1;
    else other += 1;
  }
  return shared;
}

function areas(rows: Rows, row: number): { shared: number; both: number } {
  const truth = runsOf(textOf(rows, rows.truth[row])) ?? [];
  const predicted = runsOf(textOf(rows, rows.prediction[row])) ?? [];
  return { shared: overlap(truth, predicted), both: pixels(truth) + pixels(predicted) };
}

const mask = {
  lowerIsBetter: false,
  kind: 'text',
  perfect: 1,
  textProblem: (text: string) => (runsOf(text) === undefined ? malformed : undefined),
} as const;

export const dice: Metric = {
  ...mask,
  name: 'dice',
  title: 'Dice coefficient of masks, mean over rows',
  ...meanOfLosses({
    loss: (rows, row) => {
      const { shared, both } = areas(rows, row);
      return both === 0 ? 1 : (2 * shared) / both;
    },
  }),
};

export const diceGlobal: Metric = {
  ...mask,
  name: 'dice-global',
  title: 'Dice coefficient of masks, over all pixels',
  needs: 'a pixel in some mask',
  ...ratioOfSums({
    above: (rows, row) => 2 * areas(rows, row).shared,
    below: (rows, row) => areas(rows, row).both,
  }),
};

export const meanIou: Metric = {
  ...mask,
  name: 'mean-iou',
  title: 'Intersection over union of masks, mean over rows',
  ...meanOfLosses({
    loss: (rows, row) => {
      const { shared, both } = areas(rows, row);
      return both === 0 ? 1 : shared / (both - shared);
    },
  }),
};
