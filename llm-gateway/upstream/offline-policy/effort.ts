// How much computing a candidate is worth: shares of the execution limit, with floors and ceilings.
//
// A sixteen-candidate run on two cores has three minutes, so at the quick start's limit a whole candidate (looking, lab,
// rehearsal and the clean-slate run) stays within about eight processor-seconds; two of them are imports. Above it, effort
// grows with what is allowed: half of a longer limit is left for slower machines and for what the lab cannot foresee.

import type { Family, Member, Recipe } from './recipe.ts';

/** Processor-seconds and rows that an attempt may spend. */
export interface Effort {
  /** For comparing members in the lab. */
  readonly labSeconds: number;
  /** For the quick check of a draft. */
  readonly checkSeconds: number;
  /** For the clean-slate run, as projected from the lab. */
  readonly runSeconds: number;
  /** Rows that lab and check look at. */
  readonly rows: number;
  /** Members of a blend. */
  readonly members: number;
}

/** The quick start's limit of an execution. */
const quickSeconds = 60;

/** The effort that suits an execution limit. */
export function effortFor(executionSeconds: number): Effort {
  const beyond = Math.max(0, executionSeconds - quickSeconds);
  const grown = (floor: number, share: number, ceiling: number): number => Math.min(ceiling, floor + share * beyond);
  return {
    labSeconds: grown(3, 0.06, 90),
    checkSeconds: grown(1, 0.015, 20),
    runSeconds: grown(2.2, 0.09, 240),
    rows: beyond === 0 ? 1500 : executionSeconds <= 180 ? 2500 : executionSeconds <= 1800 ? 4000 : 10_000,
    members: beyond === 0 ? 4 : executionSeconds <= 180 ? 6 : 8,
  };
}

/** The power of the row count that a family's training time grows with. */
export function growthOf(family: Family): number {
  return family === 'svm' ? 2 : family === 'knn' ? 1.5 : 1.1;
}

/** Seconds of one fit on all rows, from the seconds of one fit on fewer. */
export function projectSeconds(member: Member, seconds: number, fittedRows: number, rows: number): number {
  return seconds * Math.max(1, rows / Math.max(1, fittedRows)) ** growthOf(member.family);
}

const countNames = ['n_estimators', 'max_iter'] as const;

/** The member with its number of trees or iterations multiplied; undefined where it has none to multiply. */
function scaled(member: Member, factor: number): Member | undefined {
  if (member.family === 'linear') return undefined;
  for (const name of countNames) {
    const count = member.parameters[name];
    if (typeof count !== 'number') continue;
    const next = Math.max(10, Math.min(600, Math.round(count * factor)));
    if (next === count) return undefined;
    const parameters: Record<string, number | string | boolean> = { ...member.parameters, [name]: next };
    const rate = parameters['learning_rate'];
    if (typeof rate === 'number') parameters['learning_rate'] = Number((rate / Math.sqrt(factor)).toFixed(3));
    return { ...member, parameters };
  }
  return undefined;
}

/** The recipe with every member's training multiplied; undefined where nothing can change. */
export function scaledRecipe(recipe: Recipe, factor: number): Recipe | undefined {
  let changed = false;
  const members = recipe.members.map((member) => {
    const next = scaled(member, factor);
    changed ||= next !== undefined;
    return next ?? member;
  });
  return changed ? { ...recipe, members } : undefined;
}
