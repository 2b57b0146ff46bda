// The first recipe of a lineage: one plain model of a family that the ledger has seen least.

import { nextFloat, type Rng, seedRng } from '../../../shared/core/rng.ts';
import type { Brief, Idea } from './conversation.ts';
import { firstMember, type Situation, usableFamilies, valuesOf } from './families.ts';
import { type Family, families, familyName, type Member, type Recipe } from './recipe.ts';

/** Column roles from the facts; every member of a program shares them. */
function columnsFrom({ facts }: Situation): Recipe['columns'] {
  return {
    categories: facts.categories.map((column) => column.name),
    dates: facts.dates,
    texts: facts.texts,
    // A picture stays whole: its constant border is needed to move it about.
    dropped: facts.pictureSide > 0 ? [] : facts.constant,
    codes: facts.pictureSide > 0 ? [] : facts.codes.map((column) => column.name).slice(0, 12),
    pairs: facts.pictureSide > 0 ? [] : facts.strongest.map((column) => column.name).slice(0, 4),
  };
}

/** A recipe of one member. */
export function recipeOf(member: Member, situation: Situation): Recipe {
  return {
    version: 1,
    members: [{ ...member, weight: 1 }],
    blend: 'mean',
    sharpen: 1,
    columns: columnsFrom(situation),
    pictureSide: situation.facts.pictureSide,
  };
}

/** How often each family was drafted according to the ledger. */
function draftedFamilies(ideas: readonly Idea[]): Map<Family, number> {
  const counts = new Map<Family, number>();
  for (const idea of ideas) {
    for (const family of families) {
      if (idea.text.includes(`draft: ${familyName(family)}`)) counts.set(family, (counts.get(family) ?? 0) + 1);
    }
  }
  return counts;
}

/** Plain likelihoods of a family as a first draft; a researcher starts with what is cheap and usually good. */
const appeal: Readonly<Record<Family, number>> = {
  baseline: 0,
  linear: 1,
  knn: 0.6,
  randomForest: 1,
  extraTrees: 1,
  histBoost: 1,
  svm: 0.8,
  mlp: 0.5,
};

/**
 * Picks the family of a draft: guidance first; the first drafts of a run take one family each, in an order that the run's
 * seed gives, because they start without knowing of each other; then what was drafted least, then by the seed.
 */
export function pickFamily(
  situation: Situation,
  ideas: readonly Idea[],
  { guidance, draft }: Pick<Brief, 'guidance' | 'draft'>,
  rng: Rng,
): Family {
  const usable = usableFamilies(situation);
  const asked = usable.find((family) => (guidance ?? '').toLowerCase().includes(familyName(family)));
  if (asked !== undefined) return asked;
  const turn = draft ? takeTurns(usable, draft.runSeed)[draft.number - 1] : undefined;
  if (turn !== undefined) return turn;
  const drafted = draftedFamilies(ideas);
  const fewest = Math.min(...usable.map((family) => drafted.get(family) ?? 0));
  const open = usable.filter((family) => (drafted.get(family) ?? 0) === fewest);
  return drawFamily(open, rng);
}

function drawFamily(open: readonly Family[], rng: Rng): Family {
  let left = nextFloat(rng) * open.reduce((sum, family) => sum + appeal[family], 0);
  for (const family of open) {
    left -= appeal[family];
    if (left <= 0) return family;
  }
  return 'extraTrees';
}

/** All families in the order in which the drafts of a run take them. */
function takeTurns(usable: readonly Family[], runSeed: number): Family[] {
  const rng = seedRng(`${runSeed}:families`);
  const order: Family[] = [];
  while (order.length < usable.length) {
    order.push(
      drawFamily(
        usable.filter((family) => !order.includes(family)),
        rng,
      ),
    );
  }
  return order;
}

/** A draft of a family, with one setting moved by the seed so that two drafts of a family differ. */
export function draftRecipe(family: Family, situation: Situation, rng: Rng): Recipe {
  const member = firstMember(family, situation);
  const parameters = { ...member.parameters };
  const knobs = Object.keys(parameters).filter((name) => valuesOf(family, name).length > 1);
  const knob = knobs[Math.floor(nextFloat(rng) * knobs.length)];
  if (knob !== undefined && nextFloat(rng) < 0.7) {
    const values = valuesOf(family, knob);
    const at = values.indexOf(parameters[knob] as string | number);
    const next = values[Math.max(0, Math.min(values.length - 1, at + (nextFloat(rng) < 0.5 ? 1 : -1)))];
    if (next !== undefined) parameters[knob] = next;
  }
  return recipeOf({ ...member, parameters }, situation);
}
