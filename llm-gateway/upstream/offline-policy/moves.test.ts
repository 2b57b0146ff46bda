import { expect, test } from 'vitest';
import { seedRng } from '../../../shared/core/rng.ts';
import { recipeOf } from './draft.ts';
import type { Facts } from './facts.ts';
import { firstMember, type Situation } from './families.ts';
import { type Experiment, planSibling } from './moves.ts';
import { type Family, memberKey, type Recipe } from './recipe.ts';

const facts: Facts = {
  rows: 2000,
  testRows: 1000,
  numbers: 6,
  missingColumns: 1,
  missingShare: 0.01,
  categories: [{ name: 'colour', distinct: 5 }],
  dates: [],
  texts: [],
  constant: [],
  codes: [],
  strongest: [],
  pictureSide: 0,
  target: { number: true, distinct: 2, rarest: 1000, commonest: 3000, minimum: 0, maximum: 1, skew: 0.5 },
};
const task = {
  name: 'toy',
  metric: 'roc-auc',
  lowerIsBetter: false,
  idColumn: 'id',
  targetColumn: 'y',
  targetColumns: [],
  predictionKind: '',
  predictionColumns: ['y'],
};
const situation: Situation = { task, shape: 'probability', facts };

const singleOf = (family: Family): Recipe => recipeOf(firstMember(family, situation), situation);

function siblings(parent: Recipe, candidateId: string, count: number): Experiment[] {
  return Array.from({ length: count }, (_, index) =>
    planSibling(parent, situation, {
      number: index + 1,
      rng: (purpose) => seedRng(`${candidateId}:${purpose}`),
    }),
  ).flatMap((experiment) => experiment ?? []);
}

test.each(['linear', 'histBoost', 'knn'] as const)(
  'mutations of one %s that start at the same time compare other members, and none the parent itself',
  (family) => {
    const parent = singleOf(family);
    const experiments = siblings(parent, 'c-1', 6);
    const keys = experiments.flatMap(({ fresh }) => fresh.map(({ member }) => memberKey(member)));
    expect(experiments.length).toBeGreaterThan(3);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toContain(memberKey(parent.members[0] as never));
  },
);

test('the first mutation of a single model gives it company, that of a blend looks for better members', () => {
  const single = singleOf('extraTrees');
  expect(siblings(single, 'c-1', 4).map(({ move }) => move)).toEqual(['join', 'tune', 'features', 'effort']);
  const members = [firstMember('linear', situation), firstMember('extraTrees', situation)];
  const blend = { ...single, members: members.map((member) => ({ ...member, weight: 0.5 })) };
  expect(siblings(blend, 'c-1', 1).map(({ move }) => move)).toEqual(['tune']);
});

test('another parent of the same recipe is explored in another way, and the same one always in the same', () => {
  const parent = singleOf('extraTrees');
  const told = (id: string) => siblings(parent, id, 5).map(({ fresh }) => fresh.map(({ name }) => name));
  expect(told('c-1')).toEqual(told('c-1'));
  expect(told('c-1')).not.toEqual(told('c-2'));
});

test('a parent is explored at some time, and then there is nothing more to divide', () => {
  const all = siblings(singleOf('linear'), 'c-1', 200);
  expect(all.length).toBeGreaterThan(5);
  expect(all.length).toBeLessThan(60);
});

test('a mutation of a model offers a linear one over pairs of categories, once, and only where there are some pairs but not too many', () => {
  const crosses = (categories: number, family: Family): number => {
    const columns = Array.from({ length: categories }, (_, index) => ({ name: `category ${index}`, distinct: 5 }));
    const wide: Situation = { ...situation, facts: { ...facts, categories: columns } };
    const parent = recipeOf(firstMember(family, wide), wide);
    const first = planSibling(parent, wide, { number: 1, rng: (purpose) => seedRng(`c-1:${purpose}`) });
    return first?.fresh.filter(({ member }) => member.features.categories === 'crossed').length ?? 0;
  };
  expect(crosses(4, 'histBoost')).toBe(1);
  expect(crosses(4, 'linear')).toBe(1);
  expect(crosses(1, 'histBoost')).toBe(0);
  expect(crosses(30, 'histBoost')).toBe(0);
});
