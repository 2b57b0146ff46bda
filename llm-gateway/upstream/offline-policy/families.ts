// What the policy knows about each model family: sensible first settings, and settings nearby.
//
// First settings are decent and plain on purpose; tuning, bagging and blending are left to mutation and crossover.

import type { Facts } from './facts.ts';
import type { Family, Features, Member } from './recipe.ts';
import { isRegression, type Shape, type Task } from './task.ts';

/** What settings depend on. */
export interface Situation {
  readonly task: Task;
  readonly shape: Shape;
  readonly facts: Facts;
}

type Parameters = Member['parameters'];

const plainFeatures: Features = {
  categories: 'none',
  numbers: 'filled',
  codes: false,
  pairs: false,
  components: 0,
  logTarget: false,
  shifts: false,
};

/** The families that can learn from these data in reasonable time, plainest first. */
export function usableFamilies({ facts }: Situation): Family[] {
  const usable: Family[] = ['linear', 'randomForest', 'extraTrees', 'histBoost'];
  const columns = facts.numbers + facts.categories.length;
  if (facts.rows <= 20_000 && columns <= 200) usable.push('knn');
  if (facts.rows <= 2_500) usable.push('svm');
  if (facts.rows <= 30_000) usable.push('mlp');
  return usable;
}

/** A member of a family with its first settings. */
export function firstMember(family: Family, situation: Situation): Member {
  return {
    family,
    features: firstFeatures(family, situation),
    parameters: firstParameters(family, situation),
    weight: 1,
    bags: 1,
  };
}

function firstFeatures(family: Family, { facts, shape }: Situation): Features {
  const skewed = shape === 'number' && (facts.target.minimum ?? -1) >= 0 && (facts.target.skew ?? 0) > 1.5;
  const hasCategories = facts.categories.length > 0;
  const widest = Math.max(0, ...facts.categories.map((column) => column.distinct));
  const base = { ...plainFeatures, logTarget: skewed };
  switch (family) {
    case 'baseline':
      return plainFeatures;
    case 'linear':
    case 'knn':
    case 'svm':
    case 'mlp':
      return {
        ...base,
        numbers: 'standard',
        categories: hasCategories ? (widest > 60 ? 'frequency' : 'onehot') : 'none',
      };
    case 'randomForest':
    case 'extraTrees':
      return { ...base, categories: hasCategories ? 'ordinal' : 'none' };
    case 'histBoost':
      return { ...base, numbers: 'raw', categories: hasCategories ? 'ordinal' : 'none' };
  }
}

function firstParameters(family: Family, { facts, shape }: Situation): Parameters {
  const regression = isRegression(shape);
  const classes = regression ? 1 : Math.max(2, facts.target.distinct);
  switch (family) {
    case 'baseline':
      return regression ? { strategy: 'mean' } : { strategy: 'prior' };
    case 'linear':
      return regression ? { alpha: 1 } : { C: 0.3, max_iter: 200 };
    case 'knn':
      return { n_neighbors: 8, weights: 'distance' };
    case 'randomForest':
      return { n_estimators: 80, min_samples_leaf: 2, max_features: regression ? 0.5 : 'sqrt' };
    case 'extraTrees':
      return { n_estimators: 80, min_samples_leaf: 2, max_features: regression ? 0.7 : 'sqrt' };
    case 'histBoost':
      // Boosting fits one tree per class and iteration, so many classes get fewer and smaller ones.
      return classes > 2
        ? { learning_rate: 0.2, max_iter: classes > 5 ? 25 : 50, max_leaf_nodes: 12 }
        : { learning_rate: 0.1, max_iter: 60, max_leaf_nodes: 31 };
    case 'svm':
      return regression ? { C: 1, gamma: 'scale' } : { C: 1, gamma: 'scale' };
    case 'mlp':
      return { hidden_layer_sizes: 48, alpha: 0.001, max_iter: 40, learning_rate_init: 0.003 };
  }
}

const steps: Readonly<Record<Family, Readonly<Record<string, readonly (string | number)[]>>>> = {
  baseline: {},
  linear: { C: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3], alpha: [0.1, 1, 10, 30, 100, 300] },
  knn: { n_neighbors: [1, 3, 5, 8, 12, 20, 35], p: [2, 1] },
  randomForest: {
    min_samples_leaf: [1, 2, 4, 8, 16],
    max_features: ['sqrt', 0.3, 0.5, 0.8],
    n_estimators: [80, 150, 250],
  },
  extraTrees: {
    min_samples_leaf: [1, 2, 4, 8, 16],
    max_features: ['sqrt', 0.3, 0.5, 0.7, 1.0],
    n_estimators: [80, 150, 250],
  },
  histBoost: {
    learning_rate: [0.03, 0.06, 0.1, 0.15, 0.2],
    max_iter: [25, 60, 100, 160, 250],
    max_leaf_nodes: [4, 8, 12, 16, 31],
    l2_regularization: [0, 1, 5, 20],
    min_samples_leaf: [5, 10, 20, 40],
  },
  svm: { C: [0.3, 1, 3, 10, 30, 100], gamma: ['scale', 0.003, 0.01, 0.03, 0.1] },
  mlp: { alpha: [0.0001, 0.001, 0.01, 0.1, 1], hidden_layer_sizes: [24, 48, 96, 160], max_iter: [40, 80, 150] },
};

/** Parameters of the family that can be stepped up or down, given which of them the estimator has. */
export function tunable(member: Member, shape: Shape): string[] {
  const regression = isRegression(shape);
  return Object.keys(steps[member.family]).filter((name) => {
    if (member.family === 'linear') return name === (regression ? 'alpha' : 'C');
    return true;
  });
}

/** The values that a parameter may take, in order of strength; empty where there is no choice. */
export function valuesOf(family: Family, parameter: string): readonly (string | number)[] {
  return steps[family][parameter] ?? [];
}

/** Why a family is worth a try on these data, for the transcript. */
export function reasonFor(family: Family, { facts }: Situation): string {
  switch (family) {
    case 'baseline':
      return 'a constant cannot fail, and shows what the others are worth';
    case 'linear':
      return 'a regularised linear model is fast and shows how much is linear';
    case 'knn':
      return facts.pictureSide > 0 ? 'near pictures show the same thing' : 'similar rows should have similar targets';
    case 'randomForest':
      return 'a forest takes odd scales and interactions without tuning';
    case 'extraTrees':
      return 'random splits decorrelate the trees, and fit fast';
    case 'histBoost':
      return facts.missingColumns > 0
        ? 'boosting takes the gaps as they are and finds interactions'
        : 'boosting is the usual winner on tables of this size';
    case 'svm':
      return `${facts.rows} rows are few enough for an RBF kernel`;
    case 'mlp':
      return 'a small network finds smooth interactions that trees approximate by steps';
  }
}
