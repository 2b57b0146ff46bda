// The note of a submission: what the idea was, what changed, what to expect. Honest about what was and was not seen.

import type { Desk } from './desk.ts';
import { experimentOf, labOf } from './experiment.ts';
import { choose } from './lab.ts';
import { describeMember, describeRecipe } from './recipe.ts';
import { hasStandIn } from './task.ts';
import { type Action, submit } from './turns.ts';

/** Submits the last version with its note. */
export function submission(desk: Desk, thought: string): Action {
  const { progress, conversation } = desk;
  const version = progress.versions.at(-1);
  const recipe = version?.recipe;
  const summary = recipe === undefined ? 'nothing' : describeRecipe(recipe);
  const members =
    recipe === undefined || recipe.members.length < 2
      ? ''
      : ` Members: ${recipe.members.map(describeMember).join('; ')}.`;
  const troubles = progress.versions.filter((entry) => entry.trouble !== '').length;
  const mended = troubles > 0 ? ` ${troubles} failing version${troubles === 1 ? '' : 's'} mended on the way.` : '';
  const { operator } = conversation.brief;
  return submit(
    thought,
    clip(`${tag(desk)}: ${summary}`, 300),
    clip(`${changes(desk)}${members}${mended}${standIn(desk)}`, 1200),
    clip(expectation(desk, operator), 300),
  );
}

function standIn({ conversation }: Desk): string {
  const { task } = conversation.brief;
  return hasStandIn(task) ? ` These rules do not know ${task.metric}: the figures are of a metric that stands in.` : '';
}

function tag(desk: Desk): string {
  const { operator } = desk.conversation.brief;
  if (operator === 'mutate' && desk.progress.labReport !== undefined) return experimentOf(desk).move;
  return operator === 'mutate' ? 'draft' : operator;
}

function changes(desk: Desk): string {
  const { conversation, progress, parents } = desk;
  const [first, second] = parents;
  if (progress.labReport !== undefined && first !== undefined) {
    const from =
      second === undefined ? `From ${first.candidateId}` : `From ${first.candidateId} and ${second.candidateId}`;
    const { named, trial } = labOf(desk);
    const choice = choose(first.recipe, named, progress.labReport, desk.situation);
    return `${from}: ${experimentOf(desk).reason} Compared ${named.length} models on ${trial.rows} rows. ${choice.reason}`;
  }
  if (conversation.brief.operator === 'repair') return 'Mended a candidate that failed.';
  return progress.versions.length > 1 ? 'A first program, corrected after its check.' : 'A first program.';
}

function expectation(desk: Desk, operator: string): string {
  const { progress, conversation, parents } = desk;
  const { metric } = conversation.brief.task;
  const version = progress.versions.at(-1);
  const [first] = parents;
  if (progress.labReport !== undefined && first !== undefined && operator !== 'draft') {
    const { named } = labOf(desk);
    const choice = choose(first.recipe, named, progress.labReport, desk.situation);
    const before =
      progress.labReport.current === undefined ? '' : `, the parent ${progress.labReport.current.toFixed(5)}`;
    return `Out-of-fold ${metric} ${choice.cv.toFixed(5)}${before}; the blend was chosen on these folds, so a little less on unseen rows.`;
  }
  const check =
    progress.versions.findLast((entry) => entry.check !== undefined && entry.recipe === version?.recipe)?.check ??
    version?.check;
  if (check === undefined) return 'Not cross-validated; it ran in a rehearsal only.';
  return `Cross-validated ${metric} ${check.cv.toFixed(5)} ± ${check.sd.toFixed(5)} (a constant: ${check.naive.toFixed(5)}).`;
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
