// The lab: what is compared in one attempt, and what follows from the comparison.

import { z } from 'zod';
import { readMarked } from './facts.ts';
import type { Situation } from './families.ts';
import type { NamedMember } from './program.ts';
import { familyName, type Member, memberKey, normalised, type Recipe } from './recipe.ts';
import { isBetter } from './task.ts';

const reportSchema = z.object({
  members: z.record(z.string(), z.object({ cv: z.number(), sd: z.number(), seconds: z.number() })),
  folds: z.number(),
  fittedRows: z.number(),
  current: z.number().optional(),
  best: z.object({
    cv: z.number(),
    how: z.enum(['mean', 'log', 'rank']),
    sharpen: z.number(),
    weights: z.record(z.string(), z.number()),
  }),
});

/** What the lab printed. */
export type LabReport = z.infer<typeof reportSchema>;

/** The report in an observation; undefined where the lab failed. */
export function readReport(observation: string): LabReport | undefined {
  const parsed = reportSchema.safeParse(readMarked(observation, 'result: '));
  return parsed.success ? parsed.data : undefined;
}

/** The parents' members and the newcomers, each once, under names for the lab's table. */
export function labMembers(
  parents: readonly { readonly label: string; readonly recipe: Recipe }[],
  fresh: readonly NamedMember[],
): NamedMember[] {
  const named: NamedMember[] = [];
  const seen = new Set<string>();
  const add = (name: string, member: Member): void => {
    if (seen.has(memberKey(member)) || named.length >= 9) return;
    seen.add(memberKey(member));
    const taken = named.filter((entry) => entry.name.replace(/ #\d+$/, '') === name).length;
    named.push({ name: taken > 0 ? `${name} #${taken + 1}` : name, member });
  };
  for (const parent of parents) {
    const members = [...parent.recipe.members].sort((left, right) => right.weight - left.weight).slice(0, 5);
    for (const member of members) add(`${parent.label} ${familyName(member.family)}`, member);
  }
  for (const entry of fresh) add(`new ${entry.name}`, entry.member);
  return named;
}

/** The weights that the first parent gives to the lab's members, by name. */
export function currentWeights(parent: Recipe, named: readonly NamedMember[]): Record<string, number> {
  const weights: Record<string, number> = {};
  for (const member of parent.members) {
    const entry = named.find((candidate) => memberKey(candidate.member) === memberKey(member));
    if (entry !== undefined) weights[entry.name] = member.weight;
  }
  return weights;
}

/** What the policy makes of a comparison. */
export interface Choice {
  readonly recipe: Recipe;
  /** Out-of-fold score in the lab. */
  readonly cv: number;
  readonly improved: boolean;
  readonly reason: string;
}

/** The recipe that the lab's report speaks for; always another one than the parent's. */
export function choose(parent: Recipe, named: readonly NamedMember[], report: LabReport, situation: Situation): Choice {
  const { best } = report;
  const chosen = named
    .map((entry) => ({ ...entry, member: { ...entry.member, weight: best.weights[entry.name] ?? 0 } }))
    .filter((entry) => entry.member.weight > 0)
    .sort((left, right) => right.member.weight - left.member.weight)
    .slice(0, 8);
  const recipe = normalised({
    ...parent,
    members: chosen.map((entry) => entry.member),
    blend: best.how,
    sharpen: best.sharpen,
  });
  if (sameRecipe(recipe, parent)) return withNewcomer(parent, named, report, situation);
  const improved = report.current === undefined || isBetter(situation.task, best.cv, report.current);
  const words = chosen.length === 1 ? `${chosen[0]?.name ?? 'one model'} alone` : `a blend of ${chosen.length}`;
  const seconds = chosen.reduce((sum, entry) => sum + (report.members[entry.name]?.seconds ?? 0), 0);
  const reason = `The folds speak for ${words}, about ${seconds.toFixed(1)} s in a full run.`;
  return { recipe, cv: best.cv, improved, reason };
}

/** The parent with a fifth of the weight for the best newcomer, where the lab found nothing better than the parent. */
function withNewcomer(parent: Recipe, named: readonly NamedMember[], report: LabReport, situation: Situation): Choice {
  const newcomers = named.filter(
    (entry) => !parent.members.some((member) => memberKey(member) === memberKey(entry.member)),
  );
  const [first] = newcomers;
  const cv = report.current ?? report.best.cv;
  if (first === undefined) return { recipe: parent, cv, improved: false, reason: 'Nothing new to try.' };
  const of = (entry: NamedMember): number => report.members[entry.name]?.cv ?? 0;
  const best = newcomers.reduce((top, entry) => (isBetter(situation.task, of(entry), of(top)) ? entry : top), first);
  const members = parent.members.map((member) => ({ ...member, weight: member.weight * 0.8 }));
  return {
    recipe: normalised({ ...parent, members: [...members, { ...best.member, weight: 0.2 }].slice(-8) }),
    cv,
    improved: false,
    reason: `Nothing beat the parent on these folds; ${best.name} gets a fifth of the weight, to be judged on rows that I cannot see.`,
  };
}

function sameRecipe(left: Recipe, right: Recipe): boolean {
  if (left.blend !== right.blend && left.members.length > 1) return false;
  if (left.sharpen !== right.sharpen || left.members.length !== right.members.length) return false;
  return left.members.every((member) =>
    right.members.some(
      (other) => memberKey(other) === memberKey(member) && Math.abs(other.weight - member.weight) < 0.015,
    ),
  );
}
