// Everything on the desk when a turn is decided: the conversation, what is known, and what may be spent.

import { type Rng, seedRng } from '../../../shared/core/rng.ts';
import type { ChatTool } from '../upstream.ts';
import type { Conversation, Parent } from './conversation.ts';
import { type Effort, effortFor } from './effort.ts';
import { blindFacts } from './facts.ts';
import type { Situation } from './families.ts';
import type { ProgramContext } from './program.ts';
import type { Progress } from './progress.ts';
import type { Recipe } from './recipe.ts';
import { shapeOf } from './task.ts';

/** A parent whose recipe could be read. */
export type KnownParent = Parent & { readonly recipe: Recipe };

/** The material of one decision. */
export interface Desk {
  readonly conversation: Conversation;
  readonly progress: Progress;
  readonly situation: Situation;
  readonly effort: Effort;
  readonly context: ProgramContext;
  readonly tools: readonly ChatTool[];
  readonly parents: readonly KnownParent[];
  /** A generator for one purpose; the same at every turn of an attempt. */
  rng(purpose: string): Rng;
}

/** Lays out the desk. */
export function deskOf(conversation: Conversation, progress: Progress, tools: readonly ChatTool[], seed: number): Desk {
  const { brief } = conversation;
  const facts = progress.facts ?? blindFacts;
  const isNumber = facts.target.number && facts.target.distinct > 20;
  const shape = shapeOf(brief.task, isNumber);
  const root = `${brief.seed === 0 ? seed : brief.seed}`;
  return {
    conversation,
    progress,
    situation: { task: brief.task, shape, facts },
    effort: effortFor(brief.limits.executionSeconds),
    context: { task: brief.task, shape, seed: seedNumber(root) },
    tools,
    parents: conversation.parents.filter((parent): parent is KnownParent => parent.recipe !== undefined),
    rng: (purpose) => seedRng(`${root}:${purpose}`),
  };
}

function seedNumber(root: string): number {
  return seedRng(root).a % 1_000_000;
}
