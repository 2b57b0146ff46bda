// Divides labelled rows into training, search and validation rows: 80/10/10, once, by a seed.

import { nextInt, type Rng, seedRng, shuffle } from '../../shared/core/rng.ts';

export type SplitStrategy = 'random' | 'stratified' | 'group' | 'time';

export const splitStrategies: readonly SplitStrategy[] = ['stratified', 'random', 'group', 'time'];

export type Split = 'train' | 'search' | 'validation';

/** One in this many rows goes to search, and as many to validation (10 % each, as AIRA2). */
const hiddenShare = 10;
/** Strata of a numeric target. */
const quantileBins = 10;

export interface SplitRequest {
  readonly strategy: SplitStrategy;
  readonly seed: string | number;
  readonly rows: number;
  /** Stratum of each row, for `stratified`. */
  readonly strata?: Int32Array;
  /** Group of each row, for `group`. */
  readonly groups?: readonly string[];
  /** Sort key of each row, for `time`: all numbers, or texts that sort by time such as 2026-04-24. */
  readonly times?: readonly (number | string)[];
}

/** The split of each row. */
export function splitRows(request: SplitRequest): Split[] {
  const rng = seedRng(`split:${request.seed}`);
  switch (request.strategy) {
    case 'random':
      return everyTenth(shuffledRows(rng, request.rows), rng);
    case 'stratified':
      return everyTenth(byStratum(shuffledRows(rng, request.rows), request.strata), rng);
    case 'group':
      return byGroup(rng, request.groups ?? []);
    case 'time':
      return latestHidden(request.times ?? []);
  }
}

/** Strata of a numeric target: its deciles, fewer where values repeat. */
export function quantileStrata(values: Float64Array): Int32Array {
  const sorted = values.slice().sort();
  const strata = new Int32Array(values.length);
  const edges: number[] = [];
  for (let bin = 1; bin < quantileBins; bin += 1)
    edges.push(sorted[Math.floor((bin * values.length) / quantileBins)] ?? 0);
  values.forEach((value, row) => {
    strata[row] = edges.filter((edge) => value >= edge).length;
  });
  return strata;
}

function shuffledRows(rng: Rng, rows: number): number[] {
  return shuffle(
    rng,
    Array.from({ length: rows }, (_, row) => row),
  );
}

function byStratum(order: number[], strata: Int32Array | undefined): number[] {
  return order.sort((left, right) => (strata?.[left] ?? 0) - (strata?.[right] ?? 0));
}

/** Takes one search and one validation row out of every ten in this order: within a stratum the shares are exact to a row. */
function everyTenth(order: readonly number[], rng: Rng): Split[] {
  const splits = new Array<Split>(order.length).fill('train');
  for (let start = 0; start < order.length; start += hiddenShare) {
    // A place of its own in each block, so that the two hidden rows of a block are random ones.
    const search = nextInt(rng, hiddenShare);
    const validation = (search + 1 + nextInt(rng, hiddenShare - 1)) % hiddenShare;
    const block = order.slice(start, start + hiddenShare);
    block.forEach((row, place) => {
      if (place === search) splits[row] = 'search';
      else if (place === validation) splits[row] = 'validation';
    });
  }
  return splits;
}

/** Whole groups, in random order, to whichever hidden split still has room. */
function byGroup(rng: Rng, groups: readonly string[]): Split[] {
  const sizes = new Map<string, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const target = Math.floor(groups.length / hiddenShare);
  const filled = { search: 0, validation: 0 };
  const places = new Map<string, Split>();
  for (const group of shuffle(rng, [...sizes.keys()])) {
    const size = sizes.get(group) ?? 0;
    const emptier = filled.search <= filled.validation ? 'search' : 'validation';
    // A little over is better than a split that large groups leave empty.
    if (filled[emptier] < target && filled[emptier] + size <= target * 1.25 + 1) {
      filled[emptier] += size;
      places.set(group, emptier);
    }
  }
  return groups.map((group) => places.get(group) ?? 'train');
}

/** The oldest 80 % train, then search, then validation. Rows of one moment stay together. */
function latestHidden(times: readonly (number | string)[]): Split[] {
  const sorted = [...times].sort(compareTimes);
  const searchFrom = sorted[Math.floor((times.length * (hiddenShare - 2)) / hiddenShare)] ?? 0;
  const validationFrom = sorted[Math.floor((times.length * (hiddenShare - 1)) / hiddenShare)] ?? 0;
  return times.map((time) => {
    if (compareTimes(time, validationFrom) >= 0) return 'validation';
    return compareTimes(time, searchFrom) >= 0 ? 'search' : 'train';
  });
}

function compareTimes(left: number | string, right: number | string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
