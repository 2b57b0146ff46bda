// Crossover: the models of two parents beside each other, and each one's main model on the other's features.

import type { KnownParent } from './desk.ts';
import type { Experiment } from './moves.ts';
import type { NamedMember } from './program.ts';
import { type Features, familyName, type Member, type Recipe } from './recipe.ts';

/** What to compare when two parents are combined. */
export function crossParts(first: KnownParent, second: KnownParent): Experiment {
  const fresh: NamedMember[] = [];
  const left = mainMember(first.recipe);
  const right = mainMember(second.recipe);
  const crossed = onFeaturesOf(left, right.features);
  if (crossed !== undefined) fresh.push({ name: `${familyName(left.family)} of A on features of B`, member: crossed });
  const back = onFeaturesOf(right, left.features);
  if (back !== undefined && left.family !== right.family) {
    fresh.push({ name: `${familyName(right.family)} of B on features of A`, member: back });
  }
  return {
    move: 'cross',
    fresh,
    reason: `do ${familyName(left.family)} and ${familyName(right.family)} make different mistakes, so that a blend has fewer?`,
  };
}

function mainMember(recipe: Recipe): Member {
  return recipe.members.reduce((best, member) => (member.weight > best.weight ? member : best));
}

/** The model with the other's view of the columns, as far as its family can take it; undefined where nothing changes. */
function onFeaturesOf(member: Member, other: Features): Member | undefined {
  const needsScale = ['linear', 'svm', 'mlp', 'knn'].includes(member.family);
  const otherScaled = other.numbers !== 'raw' && other.numbers !== 'filled';
  const categories =
    (other.categories === 'native' && member.family !== 'histBoost') ||
    (other.categories === 'crossed' && member.family !== 'linear') ||
    (other.categories === 'ordinal' && needsScale)
      ? member.features.categories
      : other.categories;
  const takes: Features = {
    ...other,
    // Principal components are of dense columns, and crossed categories are not.
    components: categories === 'crossed' ? 0 : other.components,
    numbers:
      needsScale && !otherScaled
        ? member.features.numbers
        : other.numbers === 'raw' && member.family !== 'histBoost'
          ? 'filled'
          : other.numbers,
    categories,
  };
  return JSON.stringify(takes) === JSON.stringify(member.features) ? undefined : { ...member, features: takes };
}
