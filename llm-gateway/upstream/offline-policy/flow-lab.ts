// The order of work for a mutation or a crossover: compare in the lab, write the winner, rehearse it, submit it.

import type { Desk, KnownParent } from './desk.ts';
import { experimentOf, labOf } from './experiment.ts';
import { describeFacts } from './facts.ts';
import { afterWriting } from './flow-draft.ts';
import { choose, currentWeights } from './lab.ts';
import { lastError } from './progress.ts';
import { describeRecipe, type Recipe } from './recipe.ts';
import { type Action, runLab, writeLab, writeMain } from './turns.ts';

/** The next turn of a mutation or a crossover. */
export function nextExperiment(desk: Desk): Action {
  const { progress } = desk;
  const parent = desk.parents[0] as KnownParent;
  if (progress.versions.length > 0) return afterWriting(desk, undefined);
  if (progress.labReport !== undefined) return writeWinner(desk, parent);
  if (progress.labTroubles.length >= 2) {
    return nextWithoutLab(desk, `The lab failed twice: ${lastError(progress.labTroubles.at(-1) ?? '')}`);
  }
  const { named, trial } = labOf(desk);
  if (progress.labWritten) {
    return runLab(
      `${named.length} models, the same folds for each.`,
      trial,
      currentWeights(parent.recipe, named),
      parent.recipe,
      desk.effort,
      desk.tools,
    );
  }
  return writeLab(labThought(desk), parent.recipe, named, desk.context);
}

function labThought(desk: Desk): string {
  const { progress, parents } = desk;
  const trouble = progress.labTroubles.at(-1);
  if (trouble !== undefined) return `The lab failed: ${lastError(trouble)} I try another experiment.`;
  const experiment = experimentOf(desk);
  const names = experiment.fresh.map((entry) => entry.name);
  const newcomers = names.length === 0 ? 'No new models, only new weights.' : `New on the bench: ${names.join('; ')}.`;
  const question = `${experiment.reason.charAt(0).toUpperCase()}${experiment.reason.slice(1)}`;
  const worn = desk.conversation.ideas.length;
  const ledger = worn > 0 ? ` The ledger has ${worn} ideas; I lean to what was tried less.` : '';
  const kin = parents.map((parent) => `${parent.label}: ${describeRecipe(parent.recipe)}`).join('; ');
  return `${describeFacts(desk.situation.facts)} ${kin}.${ledger} ${question} ${newcomers}`;
}

function writeWinner(desk: Desk, parent: KnownParent): Action {
  const { named, trial } = labOf(desk);
  const report = desk.progress.labReport;
  if (report === undefined) return nextWithoutLab(desk, 'The lab said nothing.');
  const choice = choose(parent.recipe, named, report, desk.situation);
  const { metric } = desk.situation.task;
  const before = report.current === undefined ? '' : ` against ${report.current.toFixed(5)} for the parent`;
  const lineage = desk.parents.map((entry) => entry.candidateId).join(' and ');
  return writeMain(
    `${metric} ${choice.cv.toFixed(5)}${before}, out of fold. ${choice.reason} I write it down: ${describeRecipe(choice.recipe)}.`,
    choice.recipe,
    desk.context,
    `Developed from ${lineage}. Out-of-fold ${metric} in the lab: ${choice.cv.toFixed(5)} on ${trial.rows} rows, ${report.folds} folds.`,
  );
}

/** Where there is no comparison: the parents' models as they are, all together, or more of the one parent's. */
export function nextWithoutLab(desk: Desk, why: string): Action {
  const parent = desk.parents[0] as KnownParent;
  const others = desk.parents.slice(1).flatMap((entry) => entry.recipe.members);
  const members = [...parent.recipe.members, ...others]
    .slice(0, desk.effort.members)
    .map((member) => ({ ...member, weight: 0.5 }));
  const bagged =
    others.length > 0 ? members : members.map((member) => ({ ...member, bags: Math.min(20, member.bags + 2) }));
  const recipe: Recipe = { ...parent.recipe, members: bagged };
  return writeMain(
    `${why} I change little instead: ${describeRecipe(recipe)}.`,
    recipe,
    desk.context,
    `Developed from ${parent.candidateId} without a comparison.`,
  );
}
