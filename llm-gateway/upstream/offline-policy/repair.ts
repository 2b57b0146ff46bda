// What to change when a program failed: by the kind of failure, and more drastically each time.

import { scaledRecipe } from './effort.ts';
import { firstMember, type Situation } from './families.ts';
import { familyName, type Member, type Recipe } from './recipe.ts';

/** A changed recipe, and the reason in a sentence. */
export interface Mend {
  readonly recipe: Recipe;
  readonly reason: string;
}

/** How a program failed. */
export type Trouble = 'outOfMemory' | 'timeout' | 'diskFull' | 'format' | 'columns' | 'values' | 'crash';

/** The kind of failure that a typed reason and the text of a traceback or log tell. */
export function troubleOf(reason: string, text: string): Trouble {
  if (reason === 'outOfMemory' || /MemoryError|Killed|out of memory/i.test(text)) return 'outOfMemory';
  if (reason === 'timeout' || /timed out|time limit|ran out of time/i.test(text)) return 'timeout';
  if (reason === 'diskFull' || /No space left/i.test(text)) return 'diskFull';
  if (reason === 'badSubmission' || reason === 'noSubmission') return 'format';
  if (/KeyError|not in index|columns are missing/.test(text)) return 'columns';
  if (/NaN|infinity|could not convert|too large for dtype|Unknown categor/i.test(text)) return 'values';
  return 'crash';
}

/** Mends a recipe. `round` counts the mends so far, from 0; from the third on only the constant is left. */
export function mend(recipe: Recipe, trouble: Trouble, text: string, round: number, situation: Situation): Mend {
  if (round >= 2) {
    return {
      recipe: only(recipe, firstMember('baseline', situation)),
      reason: 'Two repairs did not help; a constant will run.',
    };
  }
  switch (trouble) {
    case 'outOfMemory':
      return {
        recipe: lighter(recipe, situation),
        reason: 'It needed too much memory: narrower features, fewer and smaller models.',
      };
    case 'timeout':
      return {
        recipe: lighter(recipe, situation),
        reason: 'It took too long: only the main model, with half of the training.',
      };
    case 'diskFull':
    case 'format':
      return {
        recipe,
        reason:
          'The models ran; the file was wrong. The program is written anew, with the answers aligned to sample_submission.csv.',
      };
    case 'columns': {
      const missing = namesIn(text);
      if (missing.length === 0) return swap(recipe, situation, round);
      const columns = withoutColumns(recipe.columns, missing);
      return { recipe: { ...recipe, columns }, reason: `Without ${missing.join(', ')}, which not all files have.` };
    }
    case 'values':
      return {
        recipe: safer(recipe),
        reason: 'Some values were not what the encoders expect: filled numbers and frequency-encoded categories.',
      };
    case 'crash':
      return swap(recipe, situation, round);
  }
}

function only(recipe: Recipe, member: Member): Recipe {
  return { ...recipe, members: [{ ...member, weight: 1 }], blend: 'mean', sharpen: 1 };
}

function heaviest(recipe: Recipe): Member {
  return recipe.members.reduce((best, member) => (member.weight > best.weight ? member : best));
}

function lighter(recipe: Recipe, situation: Situation): Recipe {
  const main = heaviest(recipe);
  const slow = main.family === 'svm' || main.family === 'knn' || main.family === 'mlp';
  const member = slow ? firstMember('histBoost', situation) : main;
  const features = {
    ...member.features,
    categories: lighterCategories(member),
    pairs: false,
    shifts: false,
    codes: false,
  };
  const light = only(recipe, { ...member, features, bags: 1 });
  return slow ? light : (scaledRecipe(light, 0.5) ?? light);
}

function lighterCategories({ family, features: { categories } }: Member): Member['features']['categories'] {
  if (categories === 'crossed') return 'onehot';
  return categories === 'onehot' && family !== 'linear' ? 'ordinal' : categories;
}

function safer(recipe: Recipe): Recipe {
  const members = recipe.members.map((member) => {
    const numbers = member.features.numbers === 'raw' ? 'filled' : member.features.numbers;
    const categories = member.features.categories === 'none' ? 'none' : 'frequency';
    return {
      ...member,
      features: { ...member.features, numbers, categories, pairs: false, logTarget: false },
    } as Member;
  });
  return { ...recipe, members };
}

function swap(recipe: Recipe, situation: Situation, round: number): Mend {
  const failed = new Set(recipe.members.map((member) => member.family));
  const order = (['histBoost', 'extraTrees', 'linear'] as const).filter((family) => !failed.has(family));
  const family = order[round] ?? order[0] ?? 'baseline';
  return {
    recipe: only(recipe, firstMember(family, situation)),
    reason: `The cause is not clear from the traceback, so I go back to something plain: ${familyName(family)}.`,
  };
}

function namesIn(text: string): string[] {
  const line = text.split('\n').findLast((candidate) => /KeyError|not in index|missing/.test(candidate)) ?? '';
  return [...line.matchAll(/'([^']{1,100})'/g)].map((match) => match[1] ?? '').slice(0, 20);
}

function withoutColumns(columns: Recipe['columns'], missing: readonly string[]): Recipe['columns'] {
  const kept = (names: readonly string[]): string[] => names.filter((name) => !missing.includes(name));
  return {
    categories: kept(columns.categories),
    dates: kept(columns.dates),
    texts: kept(columns.texts),
    dropped: kept(columns.dropped),
    codes: kept(columns.codes),
    pairs: kept(columns.pairs),
  };
}
