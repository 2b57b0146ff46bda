import { expect, test } from 'vitest';
import { attemptId } from '../../shared/core/ids.ts';
import { seedRng } from '../../shared/core/rng.ts';
import { best, insert, newPopulation, probabilityOfRank, sampleParent, sampleParents, top } from './population.ts';

function populationOf(size: number, temperature = 0.2) {
  const population = newPopulation(true, temperature);
  for (let number = 1; number <= size; number += 1) {
    insert(population, { id: attemptId(`c-${number}`), value: (number * 7919) % 104_729, number });
  }
  return population;
}

test.each([
  [2, 0.97],
  [5, 0.706],
  [10, 0.453],
  [20, 0.259],
  [50, 0.113],
  [100, 0.058],
])('of %i candidates the best is chosen with the probability of the paper', (size, probability) => {
  const population = populationOf(size);
  expect(probabilityOfRank(population, 1)).toBeCloseTo(probability, 3);
  const sum = Array.from({ length: size }, (_, index) => probabilityOfRank(population, index + 1));
  expect(sum.reduce((left, right) => left + right)).toBeCloseTo(1, 12);
});

test('the top fifth of a hundred holds 0.73 of the mass', () => {
  const population = populationOf(100);
  const mass = Array.from({ length: 20 }, (_, index) => probabilityOfRank(population, index + 1));
  expect(Math.floor(100 * mass.reduce((left, right) => left + right))).toBe(73);
});

test('draws follow equation 1', () => {
  const population = populationOf(5);
  const rng = seedRng('draws');
  const counts = new Map<string, number>();
  const draws = 20_000;
  for (let draw = 0; draw < draws; draw += 1) {
    const id = sampleParent(population, rng)?.id ?? '';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const [index, candidate] of top(population, 5).entries()) {
    const expected = probabilityOfRank(population, index + 1);
    const tolerance = 5 * Math.sqrt((expected * (1 - expected)) / draws) + 1e-9;
    expect(Math.abs((counts.get(candidate.id) ?? 0) / draws - expected)).toBeLessThan(tolerance);
  }
});

test('two parents are never the same, and the second follows equation 1 among the others', () => {
  const population = populationOf(3);
  const rng = seedRng('pairs');
  const ranks = top(population, 3).map((candidate) => candidate.id);
  let bestFirst = 0;
  let thenSecond = 0;
  for (let draw = 0; draw < 20_000; draw += 1) {
    const [first, second] = sampleParents(population, rng) ?? [];
    expect(first?.id).not.toBe(second?.id);
    if (first?.id !== ranks[0]) continue;
    bestFirst += 1;
    if (second?.id === ranks[1]) thenSecond += 1;
  }
  expect(bestFirst / 20_000).toBeCloseTo(243 / 276, 1);
  expect(thenSecond / bestFirst).toBeCloseTo(32 / 33, 1);
});

test('candidates are kept from worst to best, in either direction, the earlier one ahead in a tie', () => {
  for (const lowerIsBetter of [true, false]) {
    const population = newPopulation(lowerIsBetter, 0.2);
    const values = [3, 1, 2, 1, 3];
    const firsts = values.map((value, index) =>
      insert(population, { id: attemptId(`c${index}`), value, number: index }),
    );
    expect(top(population, 5).map((candidate) => candidate.number)).toEqual(
      lowerIsBetter ? [1, 3, 2, 0, 4] : [0, 4, 2, 1, 3],
    );
    expect(firsts).toEqual(lowerIsBetter ? [true, true, false, false, false] : [true, false, false, false, false]);
    expect(best(population)?.number).toBe(lowerIsBetter ? 1 : 0);
  }
});

test('nobody is chosen from nobody, and no pair from one', () => {
  expect(sampleParent(newPopulation(true, 0.2), seedRng(1))).toBeUndefined();
  expect(sampleParents(populationOf(1), seedRng(1))).toBeUndefined();
});

test('the extremes of the temperature stay within numbers', () => {
  const cold = populationOf(2000, 0.02);
  expect(probabilityOfRank(cold, 1)).toBeGreaterThan(0.02);
  expect(sampleParents(cold, seedRng(3))).toHaveLength(2);
  expect(probabilityOfRank(populationOf(100, 100), 1)).toBeCloseTo(0.01, 2);
});
