// The order of work for a draft or a repair: write a program, check it, correct it, submit it. Also what follows any
// written program, whoever thought of it.

import { judge, type Verdict } from './check.ts';
import type { Desk } from './desk.ts';
import { draftRecipe, pickFamily, recipeOf } from './draft.ts';
import { describeFacts } from './facts.ts';
import { firstMember, reasonFor } from './families.ts';
import { submission } from './note.ts';
import { lastError, type Version } from './progress.ts';
import { aFamily, describeRecipe, memberKey, type Recipe } from './recipe.ts';
import { mend, troubleOf } from './repair.ts';
import { isBetter } from './task.ts';
import { type Action, type Trial, tryMain, writeMain } from './turns.ts';

/** The next turn of a draft or a repair. */
export function nextVersion(desk: Desk): Action {
  const { effort, situation } = desk;
  if (desk.progress.versions.length === 0) return firstVersion(desk);
  const rows = Math.min(effort.rows, situation.facts.rows);
  return afterWriting(desk, { rows, folds: 3, seconds: effort.checkSeconds });
}

function firstVersion(desk: Desk): Action {
  const { conversation, situation, context, progress } = desk;
  const { brief } = conversation;
  if (progress.facts === undefined) {
    const recipe = recipeOf(firstMember('baseline', situation), situation);
    return writeMain(
      'I could not look at the data, so I only trust a constant.',
      recipe,
      context,
      'Written without having seen the data.',
    );
  }
  const facts = describeFacts(situation.facts);
  const [parent] = desk.parents;
  if (brief.operator === 'repair' && parent !== undefined) {
    const text = `${parent.failureMessage}\n${parent.log}`;
    const mended = mend(parent.recipe, troubleOf(parent.failureReason, text), text, 0, situation);
    const cause = `${parent.failureReason}${parent.log === '' ? '' : `: ${lastError(parent.log)}`}`;
    return writeMain(
      `${facts} The candidate failed (${cause}). ${mended.reason} Now: ${describeRecipe(mended.recipe)}.`,
      mended.recipe,
      context,
      `Mended from ${parent.candidateId}, which failed: ${parent.failureReason}.`,
    );
  }
  const rng = desk.rng('draft');
  const family = pickFamily(situation, conversation.ideas, brief, rng);
  const recipe = draftRecipe(family, situation, rng);
  const foreign =
    brief.operator === 'draft'
      ? ''
      : ' The parents were not written by me and I do not read foreign programs, so I start afresh.';
  return writeMain(
    `${facts}${foreign} I begin with ${aFamily(family)}: ${reasonFor(family, situation)}.`,
    recipe,
    context,
    'A first draft.',
  );
}

/** What follows a written program: try it, mend it, correct its effort once, or submit it. */
export function afterWriting(desk: Desk, trial: Trial | undefined): Action {
  const { versions, refusal } = desk.progress;
  const last = versions.at(-1) as Version;
  const troubles = versions.filter((version) => version.trouble !== '').length;
  if (refusal !== '' && troubles < 3) return mendVersion(desk, last, refusal, troubles);
  if (last.trouble !== '') {
    if (troubles > 3) return submission(desk, 'Nothing that I know helps. I submit it as it is, and say so.');
    return mendVersion(desk, last, last.trouble, troubles - 1);
  }
  if (!last.rehearsed) {
    if (isKnown(last, versions)) return submission(desk, 'This version was checked before, so it can go in.');
    return tryMain(
      trial === undefined
        ? 'A rehearsal on few rows, before it counts.'
        : 'Does it run, how good is it, and how long does it take?',
      trial,
      desk.tools,
    );
  }
  return last.check === undefined
    ? submission(desk, 'The rehearsal wrote what it should. It goes in.')
    : afterCheck(desk, last);
}

function mendVersion(desk: Desk, version: Version, text: string, round: number): Action {
  const mended = mend(version.recipe, troubleOf('', text), text, round, desk.situation);
  return writeMain(
    `That failed: ${lastError(text)} ${mended.reason}`,
    mended.recipe,
    desk.context,
    'Mended after a failed check.',
  );
}

function afterCheck(desk: Desk, last: Version): Action {
  const { versions } = desk.progress;
  const { task } = desk.situation;
  const check = last.check;
  if (check === undefined) return submission(desk, 'It goes in.');
  const verdict = judge(last.recipe, check, desk.situation, desk.effort);
  const scores = `${task.metric} ${check.cv.toFixed(5)} ± ${check.sd.toFixed(5)} where a constant gets ${check.naive.toFixed(5)}`;
  const earlier = versions.slice(0, -1).findLast((version) => version.check !== undefined);
  if (earlier?.check !== undefined) {
    const worse = isBetter(task, earlier.check.cv, check.cv);
    const slower = judge(earlier.recipe, earlier.check, desk.situation, desk.effort).kind === 'tooLong';
    if (worse && !slower && isBetter(task, earlier.check.cv, earlier.check.naive)) {
      return writeMain(
        `${scores}; that is no better than ${earlier.check.cv.toFixed(5)} before. Back to the earlier version.`,
        earlier.recipe,
        desk.context,
        `The first settings; more was not better. Cross-validated ${task.metric} ${earlier.check.cv.toFixed(5)}.`,
      );
    }
    return submission(desk, `${scores}. Good enough to be judged on rows that I cannot see.`);
  }
  return corrected(desk, last, verdict, scores);
}

function corrected(desk: Desk, last: Version, verdict: Verdict, scores: string): Action {
  const limit = desk.conversation.brief.limits.executionSeconds;
  const time = `A full run would take about ${verdict.projectedSeconds.toFixed(1)} s of the ${limit} s allowed`;
  if (verdict.kind === 'useless') {
    const mended = mend(last.recipe, 'crash', '', 0, desk.situation);
    return writeMain(
      `${scores}: it has learnt nothing. ${mended.reason}`,
      mended.recipe,
      desk.context,
      'The first model learnt nothing.',
    );
  }
  if (verdict.kind === 'tooLong' && verdict.corrected === undefined) {
    const mended = mend(last.recipe, 'timeout', '', 0, desk.situation);
    return writeMain(
      `${scores}. ${time}, more than I want to spend. ${mended.reason}`,
      mended.recipe,
      desk.context,
      'A faster model.',
    );
  }
  if (verdict.corrected === undefined) return submission(desk, `${scores}. ${time}. It goes in.`);
  const thought =
    verdict.kind === 'tooLong'
      ? `${scores}. ${time}, more than I want to spend: fewer rounds.`
      : `${scores}. ${time}; that is suspiciously little training, so I give it more and look again.`;
  return writeMain(
    thought,
    verdict.corrected,
    desk.context,
    verdict.kind === 'tooLong' ? 'With less training, to save time.' : 'With more training than at first.',
  );
}

function isKnown(last: Version, versions: readonly Version[]): boolean {
  const key = keyOf(last.recipe);
  return versions.some((version) => version !== last && version.rehearsed && keyOf(version.recipe) === key);
}

function keyOf(recipe: Recipe): string {
  return recipe.members.map(memberKey).join('\n');
}
