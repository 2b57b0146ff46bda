// The scored candidates of a run by rank, and the choice of parents by equation 1 of the AIRA2 paper.
//
// p(i) = (N − r_i + 1)^(1/T) / Σ_j (N − r_j + 1)^(1/T), rank 1 best. With the worst candidate at index 0, the weight of
// index i is (i + 1)^(1/T) whatever N is: the sums over the first j weights never change, only grow in number. So a
// choice is one random number and one binary search, and a new candidate costs one more sum.
//
// Invariants: 1. `ranked` is sorted from worst to best; of two equal scores the earlier candidate ranks better.
// 2. `sums[j]` is the weight of the first j entries; it is a cache and holds at least ranked.length + 1 values after use.

import type { AttemptId } from '../../shared/core/ids.ts';
import type { Rng } from '../../shared/core/rng.ts';
import { nextFloat } from '../../shared/core/rng.ts';
import { emptyList, insertOrdered, itemAt, lastOf, type OrderedList, removeFirst } from './ordered-list.ts';

/** A scored candidate. */
export interface Ranked {
  readonly id: AttemptId;
  readonly value: number;
  /** Order of planning; breaks ties. */
  readonly number: number;
}

export interface Population {
  readonly lowerIsBetter: boolean;
  readonly temperature: number;
  readonly ranked: OrderedList<Ranked>;
  readonly sums: number[];
}

export function newPopulation(lowerIsBetter: boolean, temperature: number): Population {
  return { lowerIsBetter, temperature, ranked: emptyList(), sums: [0] };
}

/** True where `left` ranks worse than `right`. */
function ranksBelow(lowerIsBetter: boolean, left: Ranked, right: Ranked): boolean {
  if (left.value === right.value) return left.number > right.number;
  return lowerIsBetter ? left.value > right.value : left.value < right.value;
}

/** Takes a candidate in; its score must be finite. Returns true where it is the best so far. */
export function insert({ ranked, lowerIsBetter }: Population, candidate: Ranked): boolean {
  return insertOrdered(ranked, candidate, (left, right) => ranksBelow(lowerIsBetter, left, right));
}

/** Takes a candidate out, where it is there. */
export function removeRanked({ ranked }: Population, id: AttemptId): void {
  removeFirst(ranked, (candidate) => candidate.id === id);
}

/** The best candidate so far. */
export function best({ ranked }: Population): Ranked | undefined {
  return itemAt(ranked, -1);
}

/** The best `count` candidates, best first. */
export function top({ ranked }: Population, count: number): Ranked[] {
  return lastOf(ranked, count).reverse();
}

/** The weight of the first `count` entries. */
function weightOf(population: Population, count: number): number {
  const { sums } = population;
  const exponent = 1 / population.temperature;
  while (sums.length <= count) {
    sums.push((sums.at(-1) as number) + sums.length ** exponent);
  }
  return sums[count] as number;
}

/** The index whose share of the weight holds `point`, 0 ≤ point < total. */
function indexAt(population: Population, point: number): number {
  let low = 0;
  let high = population.ranked.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (point < weightOf(population, middle + 1)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The probability that equation 1 gives to a rank (from 1, best). */
export function probabilityOfRank(population: Population, rank: number): number {
  const size = population.ranked.length;
  const index = size - rank;
  return (weightOf(population, index + 1) - weightOf(population, index)) / weightOf(population, size);
}

/** A parent by equation 1; undefined where there is none. */
export function sampleParent(population: Population, rng: Rng): Ranked | undefined {
  const size = population.ranked.length;
  if (size === 0) return undefined;
  return itemAt(population.ranked, indexAt(population, nextFloat(rng) * weightOf(population, size)));
}

/** Two different parents: the second by equation 1 among the others. Undefined where there are fewer than two. */
export function sampleParents(population: Population, rng: Rng): readonly [Ranked, Ranked] | undefined {
  const size = population.ranked.length;
  if (size < 2) return undefined;
  const total = weightOf(population, size);
  const first = indexAt(population, nextFloat(rng) * total);
  const before = weightOf(population, first);
  const weight = weightOf(population, first + 1) - before;
  const point = nextFloat(rng) * (total - weight);
  let second = indexAt(population, point < before ? point : point + weight);
  // Rounding may put the point a hair into the first one's share; its neighbour is then the right one.
  if (second === first) second = first === 0 ? 1 : first - 1;
  return [itemAt(population.ranked, first) as Ranked, itemAt(population.ranked, second) as Ranked];
}
