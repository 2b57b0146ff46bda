// The experiment of a mutation or a crossover, worked out anew each turn from the conversation and the seed.

import { seedRng } from '../../../shared/core/rng.ts';
import type { Idea } from './conversation.ts';
import { crossParts } from './crossover.ts';
import type { Desk } from './desk.ts';
import { labMembers } from './lab.ts';
import { type Experiment, type Move, moves, planMutation, planSibling } from './moves.ts';
import type { NamedMember } from './program.ts';
import type { Trial } from './turns.ts';

/** What is compared, and why. After a lab that failed, another experiment is drawn. */
export function experimentOf(desk: Desk): Experiment {
  const [first, second] = desk.parents;
  if (first === undefined) return { move: 'join', fresh: [], reason: 'There is no parent to start from.' };
  if (second !== undefined) return crossParts(first, second);
  const { sibling } = desk.conversation.brief;
  if (sibling && desk.progress.labTroubles.length === 0) {
    const own = { number: sibling, rng: (purpose: string) => seedRng(`${first.candidateId}:${purpose}`) };
    const planned = planSibling(first.recipe, desk.situation, own);
    if (planned !== undefined) return planned;
  }
  const rng = desk.rng(`experiment:${desk.progress.labTroubles.length}`);
  return planMutation(first.recipe, desk.situation, triedMoves(desk.conversation.ideas), rng);
}

/** The lab's members and its size. */
export function labOf(desk: Desk): { readonly named: NamedMember[]; readonly trial: Trial } {
  const { effort, situation } = desk;
  const named = labMembers(desk.parents, experimentOf(desk).fresh);
  // A kernel's time grows with the square of the rows, so it would leave no time for a second fold.
  const rows = named.some((entry) => entry.member.family === 'svm') ? effort.rows : effort.rows * 4;
  return { named, trial: { rows: Math.min(rows, situation.facts.rows), folds: 3, seconds: effort.labSeconds } };
}

/** How often the ledger names each move. */
function triedMoves(ideas: readonly Idea[]): Map<Move, number> {
  const counts = new Map<Move, number>();
  for (const idea of ideas) {
    const move = moves.find((name) => new RegExp(`(^|[Ii]dea: )${name}: `).test(idea.text));
    if (move !== undefined) counts.set(move, (counts.get(move) ?? 0) + 1);
  }
  return counts;
}
