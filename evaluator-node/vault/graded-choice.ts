// The choice of a seal by a task's own grader: finalists are graded on the validation rows, one container each, and what was
// graded is kept, so that a seal that is repeated goes on where it ended.

import { selectGraded } from '../core/graded-selection.ts';
import type { Grader } from '../grader/grader.ts';
import type { Choice, Finalist } from './choice.ts';
import { finite, storedPredictions } from './choice.ts';
import { gradePatiently, scoreOf } from './grading.ts';
import type { SplitName } from './hidden-labels.ts';
import type { SplitScores } from './runs.ts';
import { baselinePredictions, type LoadedTask } from './scoring.ts';
import type { Vault } from './vault.ts';

const noReplicates =
  'the grader takes no rows that are drawn again, so there is no standard error and no interval, and the final pick is by the validation score alone';
interface GradingParts {
  readonly vault: Vault;
  readonly grader: Grader;
}

/** What the grader says of the finalists, who are given best search score first. */
export async function chooseByGrader(
  parts: GradingParts,
  loaded: LoadedTask,
  runId: string,
  finalists: readonly Finalist[],
): Promise<Choice> {
  const { description } = loaded.task;
  const graded = await Promise.all(finalists.map((finalist) => gradeFinalist(parts, loaded, finalist)));
  const selection = selectGraded(
    description.lowerIsBetter,
    graded.map(({ candidateId, outcome, scores }) => ({
      candidateId,
      eligible: outcome.kind === 'score' && outcome.quarantineReason === undefined,
      value: scores.validation?.value ?? Number.NaN,
      ...(scores.validationReplicates === undefined ? {} : { replicates: scores.validationReplicates }),
    })),
  );
  const byId = new Map(graded.map((finalist) => [finalist.candidateId, finalist.scores]));
  const ranked = selection.ranked.map((each) => {
    const scores = byId.get(each.candidateId);
    return {
      ...each,
      validationScore: finite(each.validationScore),
      searchScore: scores?.search.value ?? 0,
      ...(scores?.test === undefined ? {} : { testScore: scores.test.value }),
    };
  });
  const winnerId = selection.winnerId ?? '';
  const eligible = graded.find(({ outcome }) => outcome.kind === 'score' && outcome.quarantineReason === undefined);
  const searchWinnerId = winnerId === '' ? '' : (eligible?.candidateId ?? '');
  return {
    runId,
    winnerId,
    finalists: ranked,
    ...(Number.isFinite(selection.estimate) ? { finalScore: selection.estimate } : {}),
    searchWinnerId,
    searchWinnerValidationScore:
      ranked.find(({ candidateId }) => candidateId === searchWinnerId)?.validationScore ?? null,
    intervalLow: finite(selection.interval?.low),
    intervalHigh: finite(selection.interval?.high),
    baselineName: loaded.hidden.baseline.name,
    baselineSearchScore: finite(await baselineGrade(parts, loaded, 'search')),
    baselineValidationScore: finite(await baselineGrade(parts, loaded, 'validation')),
    metric: description.metric,
    lowerIsBetter: description.lowerIsBetter,
    validationRows: loaded.rowsOf.validation.length,
    hasFinalSubmission: winnerId !== '' && loaded.hidden.official.length > 0,
    notes: [...(winnerId !== '' && selection.interval === undefined ? [noReplicates] : []), ...ungradedNote(graded)],
  };
}

function ungradedNote(finalists: readonly Finalist[]): string[] {
  const ungraded = finalists.filter(({ scores }) => scores.validation === undefined).map((each) => each.candidateId);
  if (ungraded.length === 0) return [];
  return [`the grader gave no score on the validation rows for ${ungraded.join(', ')}, which therefore could not win`];
}

async function gradeFinalist(
  { vault, grader }: GradingParts,
  loaded: LoadedTask,
  finalist: Finalist,
): Promise<Finalist> {
  const { version } = loaded.task;
  const predictions = storedPredictions(vault, version, finalist.predictionDigest);
  let scores: SplitScores = finalist.scores;
  for (const split of ['validation', 'test'] as const) {
    if (scores[split] !== undefined || !isKnown(loaded, split)) continue;
    const graded = await gradePatiently(grader, loaded, split, predictions);
    if (!graded.ok) continue;
    const { replicates } = graded.value;
    scores = {
      ...scores,
      [split]: scoreOf(graded.value),
      ...(split === 'validation' && replicates !== undefined ? { validationReplicates: replicates } : {}),
    };
    vault.runs.addScores(version, finalist.predictionDigest, scores);
  }
  return { ...finalist, scores };
}

/** True where the split has rows and all of their answers are known. */
function isKnown({ rowsOf, hidden, ids }: LoadedTask, split: SplitName): boolean {
  const width = hidden.truth.length / ids.size;
  return rowsOf[split].length > 0 && rowsOf[split].every((row) => !Number.isNaN(hidden.truth[row * width] ?? 0));
}

async function baselineGrade({ grader }: GradingParts, loaded: LoadedTask, split: SplitName): Promise<number> {
  const graded = await gradePatiently(grader, loaded, split, baselinePredictions(loaded));
  return graded.ok ? graded.value.value : Number.NaN;
}
