// A run as MLE-bench reports it: the fields of `mlebench grade`, computed from the evaluator's test score and, where one is
// given, a leaderboard. What is not known is null and said in `notes`; nothing is guessed.

import { type Leaderboard, standingOn } from '../core/leaderboard.ts';
import type { Candidate, Run } from '../core/model.ts';
import { finalTestScoreOf, outcomeOf } from './facts.ts';

/** The report; names of MLE-bench, then ours. */
export interface MleBenchReport {
  readonly competition_id: string;
  readonly score: number | null;
  readonly gold_threshold: number | null;
  readonly silver_threshold: number | null;
  readonly bronze_threshold: number | null;
  readonly median_threshold: number | null;
  readonly any_medal: boolean | null;
  readonly gold_medal: boolean | null;
  readonly silver_medal: boolean | null;
  readonly bronze_medal: boolean | null;
  readonly above_median: boolean | null;
  readonly submission_exists: boolean;
  readonly valid_submission: boolean | null;
  readonly is_lower_better: boolean | null;
  readonly created_at: string;
  readonly submission_path: string;
  /** AIRA2's percentile rank; MLE-bench has none. */
  readonly percentile: number | null;
  /** What the rules of March 2026 ask every entry to state. */
  readonly statement: string;
  readonly notes: readonly string[];
}

const statement =
  'The scaffold does not expose to the agent signals derived from the held-out test set: agents see the features of its rows ' +
  'under opaque ids among rows of other splits, and no score on them leaves the evaluator before the run is sealed.';

export interface MleBenchRequest {
  readonly run: Run;
  readonly candidates: readonly Candidate[];
  readonly competitionId: string;
  readonly submissionPath: string;
  readonly createdAt: string;
  readonly leaderboard?: Leaderboard | undefined;
}

export function mleBenchReport(request: MleBenchRequest): MleBenchReport {
  const { run, candidates, leaderboard } = request;
  const outcome = outcomeOf(run, candidates);
  const exists = run.verdict?.hasFinalSubmission === true;
  // The score that the evaluator told is of the programs before their refit.
  const refitted = isRefitted(request);
  const exact = outcome === undefined || !exists || refitted ? null : finalTestScoreOf(outcome);
  // MLE-bench rounds before it compares.
  const score = exact === null ? null : Number(exact.toFixed(5));
  const standing = leaderboard === undefined || score === null ? undefined : standingOn(leaderboard, score);
  const has = (medal: string): boolean | null => (standing === undefined ? null : standing.medal === medal);
  return {
    competition_id: request.competitionId,
    score,
    gold_threshold: standing?.goldThreshold ?? null,
    silver_threshold: standing?.silverThreshold ?? null,
    bronze_threshold: standing?.bronzeThreshold ?? null,
    median_threshold: standing?.medianThreshold ?? null,
    any_medal: standing === undefined ? null : standing.medal !== null,
    gold_medal: has('gold'),
    silver_medal: has('silver'),
    bronze_medal: has('bronze'),
    above_median: standing?.aboveMedian ?? null,
    submission_exists: exists,
    valid_submission: exists ? (score === null && !refitted ? null : true) : false,
    is_lower_better: leaderboard?.lowerIsBetter ?? run.verdict?.lowerIsBetter ?? null,
    created_at: request.createdAt,
    submission_path: request.submissionPath,
    percentile: standing?.percentile ?? null,
    statement,
    notes: notesOf(request, score),
  };
}

/** True where what is handed in is of refitted programs. */
function isRefitted({ run, candidates }: MleBenchRequest): boolean {
  const { ensemble } = run.verdict ?? { ensemble: null };
  const members = ensemble?.selected === true ? ensemble.members.length : 1;
  return candidates.filter(({ state }) => state === 'refitted').length >= members;
}

function notesOf(request: MleBenchRequest, score: number | null): string[] {
  const { run, leaderboard } = request;
  const notes: string[] = [];
  if (run.verdict?.hasFinalSubmission !== true) notes.push('The run has no final submission.');
  else if (isRefitted(request))
    notes.push('The submission is by refitted programs, which nobody scored; the score is left to `mlebench grade`.');
  else if (score === null) notes.push('The task has no test labels here, so the score is left to `mlebench grade`.');
  if (leaderboard === undefined) {
    notes.push(
      'No leaderboard was given, so medals, thresholds, percentile and the check of the direction are left out.',
    );
  } else if (run.verdict !== null && run.verdict.lowerIsBetter !== leaderboard.lowerIsBetter) {
    const words = (lower: boolean): string => (lower ? 'lower' : 'higher');
    notes.push(
      `On the leaderboard ${words(leaderboard.lowerIsBetter)} is better, by the metric ${run.verdict.metric} ${words(run.verdict.lowerIsBetter)}: the task has another metric than the competition.`,
    );
  }
  for (const note of run.verdict?.notes ?? []) notes.push(`${note.charAt(0).toUpperCase()}${note.slice(1)}.`);
  return notes;
}
