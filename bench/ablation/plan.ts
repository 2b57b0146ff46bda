// What of the ablation is wanted: `[SEEDS] [--seeds 3-5,9] [--tasks digits,letters] [--arms full,drafts]`.

import { parseArgs } from 'node:util';
import { armNames, peerNames } from './arms.ts';
import type { ArmOrPeer, Plan } from './outcomes.ts';
import { type TaskName, taskNames } from './tasks.ts';

const defaultSeeds = 10;
const allArms: readonly ArmOrPeer[] = [...armNames, ...peerNames];

/** Throws with the usage. `all` is what is done where nothing is said. */
export function readPlan(words: readonly string[], all: Pick<Plan, 'tasks' | 'arms'>): Plan {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { seeds: { type: 'string' }, tasks: { type: 'string' }, arms: { type: 'string' } },
  });
  const seeds = values.seeds?.split(',').flatMap((part) => {
    const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    return upTo(Number(last), Number(first));
  });
  const chosen = seeds ?? upTo(Number(positionals[0] ?? defaultSeeds));
  const tasks = named(values.tasks, taskNames) ?? all.tasks;
  const arms = named(values.arms, allArms) ?? all.arms;
  const isWrong = positionals.length > 1 || chosen.length === 0 || chosen.some((seed) => seed < 1);
  if (isWrong || tasks.length === 0 || arms.length === 0) {
    throw new RangeError(
      `takes [SEEDS] [--seeds 3-5,9] [--tasks ${taskNames.join(',')}] [--arms ${allArms.join(',')}]`,
    );
  }
  return { seeds: [...new Set(chosen)], tasks, arms };
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

/** In the order of all; empty where a name is wrong. */
function named<Name extends TaskName | ArmOrPeer>(list: string | undefined, all: readonly Name[]): Name[] | undefined {
  if (list === undefined) return undefined;
  const names = list.split(',');
  const known = all.filter((name) => names.includes(name));
  return known.length < new Set(names).size ? [] : known;
}
