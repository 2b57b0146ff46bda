// The recipe: everything that decides a program of the offline policy, small enough for the first line of its main.py.
//
// Invariants:
// 1. A program is a function of its recipe and the task, so a child can take a parent apart without reading Python.
// 2. A recipe read from a parent is data from outside: whatever is not in this schema is refused, because its values
//    end up in a generated program.

import { z } from 'zod';
import { canonicalJson } from '../../../shared/core/canonical-json.ts';

/** Model families, plainest first. `baseline` predicts the same for every row. */
export const families = ['baseline', 'linear', 'knn', 'randomForest', 'extraTrees', 'histBoost', 'svm', 'mlp'] as const;

export type Family = (typeof families)[number];

const featuresSchema = z.strictObject({
  /**
   * How text categories become numbers; `native` hands them to gradient boosting as categories, `crossed` gives a linear
   * model a weight for every pair of values that is met often enough.
   */
  categories: z.enum(['onehot', 'crossed', 'ordinal', 'native', 'frequency', 'target', 'none']),
  /** What happens to the numbers; `raw` keeps missing values for models that can take them. */
  numbers: z.enum(['raw', 'filled', 'standard', 'quantile', 'spline']),
  /** Also one-hot encode numbers that have few distinct values. */
  codes: z.boolean(),
  /** Also the products and ratios of the numbers that go with the target most. */
  pairs: z.boolean(),
  /** Principal components to keep; 0 keeps the columns. */
  components: z.number().int().min(0).max(200),
  /** Fit to log(1 + target). */
  logTarget: z.boolean(),
  /** Train on copies of the picture that are moved by one pixel, too. */
  shifts: z.boolean(),
});

const memberSchema = z.strictObject({
  family: z.enum(families),
  features: featuresSchema,
  /** Keyword arguments of the scikit-learn estimator. */
  parameters: z.record(
    z.string().regex(/^[a-z_A-Z0-9]{1,40}$/),
    z.union([z.number(), z.string().max(40), z.boolean()]),
  ),
  weight: z.number().min(0).max(1),
  /** Fits on different nine tenths of the rows, averaged; 1 is a single fit on all rows. */
  bags: z.number().int().min(1).max(20),
});

const columnName = z.string().max(200);

const recipeSchema = z.strictObject({
  version: z.literal(1),
  members: z.array(memberSchema).min(1).max(8),
  /** How predictions are averaged: as they are, as logarithms, or as ranks. */
  blend: z.enum(['mean', 'log', 'rank']),
  /** Exponent on the blended class probabilities; 1 leaves them alone. */
  sharpen: z.number().min(0.2).max(5),
  columns: z.strictObject({
    categories: z.array(columnName).max(200),
    dates: z.array(columnName).max(20),
    texts: z.array(columnName).max(20),
    dropped: z.array(columnName).max(200),
    codes: z.array(columnName).max(30),
    pairs: z.array(columnName).max(6),
  }),
  /** Side length where the numbers are the pixels of a square picture; 0 where they are not. */
  pictureSide: z.number().int().min(0).max(256),
});

export type Features = Readonly<z.infer<typeof featuresSchema>>;
export type Member = Readonly<z.infer<typeof memberSchema>>;
export type Recipe = Readonly<z.infer<typeof recipeSchema>>;

const marker = '# recipe: ';

/** The first line of a program. */
export function recipeLine(recipe: Recipe): string {
  return marker + JSON.stringify(recipe);
}

/** The recipe of a program, or undefined where it was not written by this policy or was tampered with. */
export function readRecipe(program: string): Recipe | undefined {
  for (const line of program.split('\n', 3)) {
    if (!line.startsWith(marker)) continue;
    try {
      const parsed = recipeSchema.safeParse(JSON.parse(line.slice(marker.length)));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

const familyWords: Readonly<Record<Family, string>> = {
  baseline: 'constant prediction',
  linear: 'linear model',
  knn: 'nearest neighbours',
  randomForest: 'random forest',
  extraTrees: 'extra trees',
  histBoost: 'gradient boosting',
  svm: 'support vector machine',
  mlp: 'neural network',
};

/** The family in words for people. */
export function familyName(family: Family): string {
  return familyWords[family];
}

/** The family with its article, for the middle of a sentence. */
export function aFamily(family: Family): string {
  const plural = family === 'knn' || family === 'extraTrees' || family === 'histBoost';
  return plural ? familyWords[family] : `a ${familyWords[family]}`;
}

/** One member in words: its family, the parameters that matter and the features it sees. */
export function describeMember(member: Member): string {
  const parameters = Object.entries(member.parameters)
    .filter(([name]) => !['max_iter', 'early_stopping', 'weights', 'solver'].includes(name))
    .slice(0, 4)
    .map(([name, value]) => `${name}=${value}`);
  const parts = [familyName(member.family)];
  if (parameters.length > 0) parts.push(`(${parameters.join(', ')})`);
  const features = describeFeatures(member.features);
  if (features !== '') parts.push(`on ${features}`);
  if (member.bags > 1) parts.push(`× ${member.bags} bags`);
  return parts.join(' ');
}

function describeFeatures(features: Features): string {
  const words: string[] = [];
  if (features.numbers !== 'raw' && features.numbers !== 'filled') words.push(`${features.numbers} numbers`);
  if (features.categories !== 'none') words.push(`${features.categories} categories`);
  if (features.codes) words.push('one-hot codes');
  if (features.pairs) words.push('products and ratios');
  if (features.components > 0) words.push(`${features.components} components`);
  if (features.logTarget) words.push('log target');
  if (features.shifts) words.push('shifted pictures');
  return words.join(', ');
}

/** The recipe in one line for people. */
export function describeRecipe(recipe: Recipe): string {
  const [first] = recipe.members;
  if (recipe.members.length === 1 && first !== undefined) return describeMember(first);
  const parts = recipe.members.map((member) => `${member.weight.toFixed(2)} × ${familyName(member.family)}`);
  return `${recipe.blend} blend of ${parts.join(' + ')}`;
}

/** True where two members would train the same model. */
export function sameMember(left: Member, right: Member): boolean {
  return memberKey(left) === memberKey(right);
}

/** Names what a member trains, whatever its weight. */
export function memberKey(member: Member): string {
  return canonicalJson({ ...member, weight: 1 });
}

/** The same recipe with weights that add up to one, in hundredths; members without weight are left out. */
export function normalised(recipe: Recipe): Recipe {
  const total = recipe.members.reduce((sum, member) => sum + member.weight, 0);
  const members = recipe.members
    .map((member) => ({ ...member, weight: total > 0 ? Math.round((member.weight / total) * 100) / 100 : 0 }))
    .filter((member) => member.weight > 0);
  const [first] = recipe.members;
  if (members.length === 0 && first !== undefined) return { ...recipe, members: [{ ...first, weight: 1 }] };
  return { ...recipe, members };
}
