// The quick check of a written program: what it printed, and whether the training suits the time that there is.

import { z } from 'zod';
import { type Effort, projectSeconds, scaledRecipe } from './effort.ts';
import { readMarked } from './facts.ts';
import type { Situation } from './families.ts';
import type { Recipe } from './recipe.ts';
import { isBetter } from './task.ts';

const checkSchema = z.object({
  cv: z.number(),
  sd: z.number(),
  folds: z.number(),
  fittedRows: z.number(),
  naive: z.number(),
  seconds: z.record(z.string(), z.number()),
});

/** What `check` of a program printed. */
export type CheckReport = z.infer<typeof checkSchema>;

/** The report in an observation; undefined where the program failed. */
export function readCheck(observation: string): CheckReport | undefined {
  const parsed = checkSchema.safeParse(readMarked(observation, 'result: '));
  return parsed.success ? parsed.data : undefined;
}

/** True where an observation tells of a failure rather than a result. */
export function failed(observation: string): boolean {
  return /Traceback \(most recent call last\)|timed out|session (was )?restarted|MemoryError|\[exit (?!0\b)[^\]]/i.test(
    observation,
  );
}

/** What a check says about the training effort. */
export interface Verdict {
  readonly kind: 'fine' | 'tooLong' | 'tooShort' | 'useless';
  readonly projectedSeconds: number;
  /** The recipe with the effort corrected, where that makes sense. */
  readonly corrected: Recipe | undefined;
}

/** Judges a check. Corrections are for single models; a blend's effort was weighed in the lab. */
export function judge(recipe: Recipe, report: CheckReport, situation: Situation, effort: Effort): Verdict {
  const fits = Object.values(report.seconds);
  const projectedSeconds = recipe.members.reduce(
    (sum, member, index) => sum + projectSeconds(member, fits[index] ?? 0, report.fittedRows, situation.facts.rows),
    0,
  );
  const isConstant = recipe.members.every((member) => member.family === 'baseline');
  if (!isConstant && !isBetter(situation.task, report.cv, report.naive)) {
    return { kind: 'useless', projectedSeconds, corrected: undefined };
  }
  if (projectedSeconds > effort.runSeconds * 1.5) {
    const factor = Math.max(0.2, effort.runSeconds / projectedSeconds);
    return { kind: 'tooLong', projectedSeconds, corrected: scaledRecipe(recipe, factor) };
  }
  if (recipe.members.length === 1 && projectedSeconds < effort.runSeconds * 0.12) {
    return { kind: 'tooShort', projectedSeconds, corrected: scaledRecipe(recipe, 2) };
  }
  return { kind: 'fine', projectedSeconds, corrected: undefined };
}
