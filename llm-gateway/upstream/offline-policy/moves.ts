// Moves of evolution: members that are close to, or useful beside, those of a parent. Each is tried in the lab.
//
// Pure and seeded: the same parent, ledger and seed give the same experiment.

import { nextFloat, nextInt, type Rng, shuffle } from '../../../shared/core/rng.ts';
import { firstMember, type Situation, tunable, usableFamilies, valuesOf } from './families.ts';
import type { NamedMember } from './program.ts';
import { type Family, type Features, familyName, type Member, memberKey, type Recipe, sameMember } from './recipe.ts';
import { isRegression } from './task.ts';

/** Kinds of mutation. */
export const moves = ['tune', 'features', 'effort', 'join', 'cross'] as const;

/** What an experiment changes; `cross` is the one with two parents. */
export type Move = (typeof moves)[number];
type Mutation = Exclude<Move, 'cross'>;

/** An experiment: what to compare with the parent's members, and why. */
export interface Experiment {
  readonly move: Move;
  readonly fresh: readonly NamedMember[];
  readonly reason: string;
}

/** What is most promising first: a single model gains most by company, a blend by better members. */
const promising: Readonly<Record<'single' | 'blend', readonly Mutation[]>> = {
  single: ['join', 'tune', 'features', 'effort'],
  blend: ['tune', 'join', 'features', 'effort'],
};
/** Times that each kind of move is drawn anew before a parent counts as explored. */
const mostRounds = 12;

/** What a parent's mutations need to divide the experiments among themselves without knowing of each other. */
export interface Siblings {
  /** Position of this one, from 1. */
  readonly number: number;
  /** A generator for one purpose that is the same for all mutations of the parent. */
  readonly rng: (purpose: string) => Rng;
}

/**
 * The experiment of one of several mutations of a parent: they take the moves in turn, the most promising first, and none
 * compares a member that an earlier one compares. Undefined where the parent is explored.
 */
export function planSibling(parent: Recipe, situation: Situation, { number, rng }: Siblings): Experiment | undefined {
  const taken = new Set(parent.members.map(memberKey));
  let place = 0;
  for (let round = 0; round < mostRounds; round += 1) {
    for (const move of promising[parent.members.length === 1 ? 'single' : 'blend']) {
      const planned = planMove(move, parent, situation, rng(`${move}:${round}`));
      const fresh = planned.fresh.filter(({ member }) => !taken.has(memberKey(member)));
      if (fresh.length === 0) continue;
      for (const { member } of fresh) taken.add(memberKey(member));
      place += 1;
      if (place === number) return { ...planned, fresh };
    }
  }
  return undefined;
}

/** Picks a move for a parent. `tried` counts the moves in the ideas ledger, which makes a worn move less likely. */
export function planMutation(
  parent: Recipe,
  situation: Situation,
  tried: ReadonlyMap<Move, number>,
  rng: Rng,
): Experiment {
  const single = parent.members.length === 1;
  const base: Readonly<Record<Mutation, number>> = single
    ? { tune: 0.25, features: 0.25, effort: 0.2, join: 0.3 }
    : { tune: 0.3, features: 0.25, effort: 0.2, join: 0.25 };
  const order = weightedOrder(base, tried, rng);
  for (const move of order) {
    const experiment = planMove(move, parent, situation, rng);
    if (experiment.fresh.length > 0) return experiment;
  }
  return planMove('join', parent, situation, rng);
}

function weightedOrder(
  base: Readonly<Record<Mutation, number>>,
  tried: ReadonlyMap<Move, number>,
  rng: Rng,
): Mutation[] {
  const keys = (Object.keys(base) as Mutation[]).map((move) => {
    const weight = base[move] / (1 + 0.15 * (tried.get(move) ?? 0));
    return { move, key: Math.log(1 - nextFloat(rng)) / weight };
  });
  return keys.sort((left, right) => right.key - left.key).map((entry) => entry.move);
}

function planMove(move: Mutation, parent: Recipe, situation: Situation, rng: Rng): Experiment {
  const target = pickMember(parent, rng);
  switch (move) {
    case 'tune':
      return {
        move,
        fresh: tuned(target, situation, rng),
        reason: `are other settings of the ${familyName(target.family)} better?`,
      };
    case 'features':
      return {
        move,
        fresh: refeatured(target, parent, situation, rng),
        reason: `does the ${familyName(target.family)} want to see other features?`,
      };
    case 'effort':
      return { move, fresh: intensified(target), reason: `is the ${familyName(target.family)} trained enough?` };
    case 'join':
      return { move, fresh: joiners(parent, situation, rng), reason: 'do models of another kind make other mistakes?' };
  }
}

function pickMember(parent: Recipe, rng: Rng): Member {
  const total = parent.members.reduce((sum, member) => sum + member.weight, 0);
  let left = nextFloat(rng) * total;
  for (const member of parent.members) {
    left -= member.weight;
    if (left <= 0) return member;
  }
  return parent.members[0] as Member;
}

/** Three settings near the member's: one or two parameters moved by a step or two. */
function tuned(member: Member, { shape }: Situation, rng: Rng): NamedMember[] {
  const names = tunable(member, shape);
  const found: NamedMember[] = [];
  for (let attempt = 0; attempt < 12 && found.length < 3; attempt += 1) {
    const chosen = shuffle(rng, [...names]).slice(0, 1 + nextInt(rng, 2));
    const parameters = { ...member.parameters };
    for (const name of chosen) {
      const value = stepped(valuesOf(member.family, name), parameters[name], rng);
      if (value !== undefined) parameters[name] = value;
    }
    const candidate = { ...member, parameters };
    if (sameMember(candidate, member) || found.some((entry) => sameMember(entry.member, candidate))) continue;
    const label = chosen.map((name) => `${name}=${parameters[name]}`).join(', ');
    found.push({ name: label.slice(0, 60), member: candidate });
  }
  return found;
}

function stepped(values: readonly (string | number)[], now: unknown, rng: Rng): string | number | undefined {
  if (values.length < 2) return undefined;
  const at = values.indexOf(now as string | number);
  if (at < 0) return values[nextInt(rng, values.length)];
  const stride = (1 + nextInt(rng, 2)) * (nextFloat(rng) < 0.5 ? -1 : 1);
  const next = at + stride;
  // A step over the edge goes the other way.
  return values[next >= 0 && next < values.length ? next : Math.max(0, Math.min(values.length - 1, at - stride))];
}

/** Columns whose pairs a linear model may be given a weight for: fewer have no pairs, more have too many. */
const crossable = { fewest: 2, most: 14 } as const;

/** A linear model over every pair of categories (and of numbers in steps); undefined where there are too few or too many. */
function crossed(member: Member, { categories, pairs }: Recipe['columns']): Member | undefined {
  const columns = categories.length + pairs.length;
  const fits = categories.length > 0 && columns >= crossable.fewest && columns <= crossable.most;
  if (member.family !== 'linear' || member.features.categories === 'crossed' || !fits) return undefined;
  // Many more weights than one-hot columns have, and fewer rows for each: they want to be held closer to nothing.
  const { C, alpha, ...others } = member.parameters;
  const held = C === undefined ? { alpha: 10 } : { C: 0.03 };
  const features = { ...member.features, categories: 'crossed', components: 0 } as const;
  return { ...member, features, parameters: { ...others, ...held } };
}

/** Up to three ways to show the member other features. */
function refeatured(member: Member, parent: Recipe, situation: Situation, rng: Rng): NamedMember[] {
  const pairwise = crossed(member, parent.columns);
  const first = pairwise === undefined ? [] : [{ name: 'crossed categories', member: pairwise }];
  return [...first, ...otherwiseSeen(member, parent, situation, rng)].slice(0, 3);
}

function otherwiseSeen(member: Member, parent: Recipe, situation: Situation, rng: Rng): NamedMember[] {
  const options: [string, Partial<Features>][] = [];
  const { features, family } = member;
  const scaled = family === 'linear' || family === 'svm' || family === 'mlp' || family === 'knn';
  if (situation.facts.categories.length > 0) {
    const kinds: Features['categories'][] = ['onehot', 'target', 'frequency', 'ordinal'];
    if (family === 'histBoost') kinds.push('native');
    for (const kind of kinds) {
      if (kind !== features.categories && !(scaled && kind === 'ordinal'))
        options.push([`${kind} categories`, { categories: kind }]);
    }
  }
  if (situation.facts.numbers > 0 && scaled) {
    const kinds: Features['numbers'][] =
      family === 'linear' ? ['spline', 'quantile', 'standard'] : ['quantile', 'standard'];
    if (parent.pictureSide > 0) kinds.push('filled');
    for (const kind of kinds)
      if (kind !== features.numbers) options.push([`${kind} numbers`.replace('filled', 'unscaled'), { numbers: kind }]);
  }
  if (parent.columns.codes.length > 0)
    options.push(features.codes ? ['no codes', { codes: false }] : ['codes', { codes: true }]);
  if (parent.columns.pairs.length > 1)
    options.push(features.pairs ? ['no pairs', { pairs: false }] : ['pairs', { pairs: true }]);
  const positive = situation.shape === 'number' && (situation.facts.target.minimum ?? -1) >= 0;
  if (positive)
    options.push(features.logTarget ? ['plain target', { logTarget: false }] : ['log target', { logTarget: true }]);
  if (scaled && features.categories !== 'crossed' && situation.facts.numbers >= 20) {
    const kept = Math.min(30, Math.round(situation.facts.numbers / 2));
    options.push(
      features.components > 0 ? ['all columns', { components: 0 }] : [`${kept} components`, { components: kept }],
    );
  }
  if (parent.pictureSide > 0 && !isRegression(situation.shape)) {
    options.push(features.shifts ? ['no shifts', { shifts: false }] : ['shifted pictures', { shifts: true }]);
  }
  return shuffle(rng, options).map(([name, change]) => ({
    name,
    member: { ...member, features: { ...features, ...change } },
  }));
}

/** The same model with more training: more trees, slower learning, more bags. */
function intensified(member: Member): NamedMember[] {
  const { parameters } = member;
  const found: NamedMember[] = [];
  const trees = parameters['n_estimators'];
  if (typeof trees === 'number' && trees < 400) {
    found.push({
      name: `${trees * 2} trees`,
      member: { ...member, parameters: { ...parameters, n_estimators: trees * 2 } },
    });
  }
  const iterations = parameters['max_iter'];
  const rate = parameters['learning_rate'];
  if (typeof iterations === 'number' && typeof rate === 'number') {
    const rounds = (factor: number, slower: number): Member['parameters'] => ({
      ...parameters,
      max_iter: Math.min(600, Math.round(iterations * factor)),
      learning_rate: Number((rate * slower).toFixed(3)),
    });
    if (iterations < 400)
      found.push({ name: `${Math.round(iterations * 2.5)} rounds`, member: { ...member, parameters: rounds(2.5, 1) } });
    if (iterations < 500) found.push({ name: 'slower and longer', member: { ...member, parameters: rounds(3, 0.6) } });
  }
  if (typeof iterations === 'number' && member.family === 'mlp' && iterations < 300) {
    found.push({ name: 'longer', member: { ...member, parameters: { ...parameters, max_iter: iterations * 2 } } });
  }
  if (['histBoost', 'mlp'].includes(member.family) && member.bags < 8) {
    found.push({ name: `${member.bags + 3} bags`, member: { ...member, bags: member.bags + 3 } });
  }
  return found;
}

/** Members of three families that the parent has not; the lab drops after one fold what no blend wants. */
function joiners(parent: Recipe, situation: Situation, rng: Rng): NamedMember[] {
  const present = new Set<Family>(parent.members.map((member) => member.family));
  const others = shuffle(
    rng,
    usableFamilies(situation).filter((family) => !present.has(family)),
  );
  const pool = others.length > 0 ? others : shuffle(rng, usableFamilies(situation));
  // Cheap, and unlike everything that trees and plain sums of columns see.
  const isCrossed = ({ features }: Member): boolean => features.categories === 'crossed';
  const pairwise = parent.members.some(isCrossed)
    ? undefined
    : crossed(firstMember('linear', situation), parent.columns);
  const first = pairwise === undefined ? [] : [{ name: 'linear model, crossed categories', member: pairwise }];
  const plain = pool.slice(0, 3 - first.length).map((family) => {
    const member = firstMember(family, situation);
    const [nearby] = tuned(member, situation, rng);
    const chosen = nextFloat(rng) < 0.5 && nearby !== undefined ? nearby.member : member;
    return { name: familyName(family), member: chosen };
  });
  return [...first, ...plain];
}
