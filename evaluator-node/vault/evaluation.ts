// Evaluation: takes submissions, gives search scores, and keeps everything else until the run is sealed.
//
// Owns: admission, scoring, the record of every answer. Leaves to rpc/: wire types; to vault/: labels and storage; to
// core/: every decision.
// Invariants:
// 1. An answer is on disk, with its ledger record, in one transaction, before it leaves.
// 2. Same run, candidate and digest: same answer, for ever, but for faults of the transport and looks that came too late. Same predictions of a task version: same score.
// 3. Before the seal there is no validation or test score: their labels are the judge's alone (judge.ts).
// 4. Messages of refusals and failures depend on no label.
// 5. A query is spent where a score is told that the run had not learned before, and nowhere else.
// Reading and scoring run in threads (scorer.ts); here is only what needs the order of the calls.

import type { Clock } from '../../shared/clock.ts';
import { assertNever } from '../../shared/core/assert.ts';
import { isDigest, isId } from '../../shared/core/ids.ts';
import { err, ok } from '../../shared/core/result.ts';
import { type AdmissionFailure, admit } from '../core/admission.ts';
import type { Answer, Outcome, Submission } from '../core/answer.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import { blurOf, feedbackText, implausibility, ladderText } from '../core/feedback.ts';
import { graderBlur } from '../core/grader-metric.ts';
import type { ScoreFailure } from '../core/metrics/score.ts';
import { decideQuery, defaultQueries } from '../core/queries.ts';
import { type Refusal, refusal } from '../core/refusal.ts';
import { release } from '../core/release.ts';
import type { StoredTask } from '../core/task.ts';
import type { Grader } from '../grader/grader.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { gradeSplit, scoreOf } from './grading.ts';
import type { Judge } from './judge.ts';
import type { Reading } from './reading.ts';
import { untilTick } from './reply-tick.ts';
import { taskOfRun } from './run-task.ts';
import type { SplitScores } from './runs.ts';
import type { Scorer } from './scorer.ts';
import { type LoadedTask, metricOf } from './scoring.ts';
import type { Vault } from './vault.ts';

export interface EvaluationParts {
  readonly vault: Vault;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly load: (task: StoredTask) => LoadedTask;
  readonly scorer: Scorer;
  /** Who alone opens the labels of validation and official test rows. */
  readonly judge: Judge;
  /** Runs a task's own grader. */
  readonly grader: Grader;
  /** Answers leave on multiples of this after the call began, so that their timing tells less; 0 for at once. */
  readonly replyTickMs: number;
}

/** Reads and scores one submission; resolves on a tick. */
export async function evaluateSubmission(
  parts: EvaluationParts,
  submission: Submission,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  const startedMs = parts.clock.monotonicMs();
  const answer = await evaluate(parts, submission, chunks);
  await untilTick(parts.clock, parts.replyTickMs, startedMs);
  return answer;
}

function checkSubmission(submission: Submission): void {
  const wrong = (what: string): EvaluatorFault => new EvaluatorFault('invalidArgument', 'badHeader', what);
  if (!isId(submission.runId)) throw wrong('candidate.run_id is not an id');
  if (!isId(submission.candidateId)) throw wrong('candidate.attempt_id is not an id');
  if (!Number.isSafeInteger(submission.epoch) || submission.epoch < 0)
    throw wrong('candidate.epoch is not a whole number');
  if (!isDigest(submission.digest)) throw wrong('submission_digest is not a SHA-256 in lower-case hex');
  if (!Number.isSafeInteger(submission.bytes) || submission.bytes < 0)
    throw wrong('submission_bytes is not a whole number');
}

async function evaluate(
  parts: EvaluationParts,
  submission: Submission,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  checkSubmission(submission);
  const task = taskOfRun(parts.vault, submission.runId, submission.task);
  const known = replayed(parts, task, submission);
  if (known !== undefined) return known;
  const read = await parts.scorer.score(task.version, submission, chunks);
  const reading = read.kind === 'read' ? await withScores(parts, task, submission, read) : read;
  // Another call may have recorded an answer, sealed the run or raised the epoch while the bytes came in.
  const answer = parts.vault.database.transaction(
    () => replayed(parts, task, submission) ?? record(parts, task, submission, reading),
  );
  if (reading.kind === 'read') release(reading.predictions.values);
  return answer;
}

type Refused = Extract<Reading, { kind: 'refused' }>;
type ReadSubmission = Extract<Reading, { kind: 'read' }>;
type ScoredReading = ReadSubmission & Required<Pick<ReadSubmission, 'scores'>>;

/** The reading with its scores; those of a task's own grader are fetched, unless these predictions have them already. */
async function withScores(
  parts: EvaluationParts,
  task: StoredTask,
  { runId }: Submission,
  reading: ReadSubmission,
): Promise<ScoredReading> {
  const { scores, predictionDigest, predictions } = reading;
  if (scores !== undefined) return { ...reading, scores };
  const { runs } = parts.vault;
  const known = runs.scoresOf(task.version, predictionDigest);
  if (known !== undefined) return { ...reading, scores: ok(known) };
  // An earlier refusal of the same predictions will be repeated, whatever the grader would say now.
  if (runs.outcomeOfPrediction(runId, predictionDigest) !== undefined) return { ...reading, scores: err(noScores) };
  const graded = await gradeSplit(parts.grader, parts.load(task), 'search', predictions);
  if (!graded.ok && graded.error.isFault) {
    // Not recorded, so that neither this file nor equal predictions are refused for it; the caller asks a few times more.
    throw new EvaluatorFault(
      'aborted',
      'graderFault',
      `${graded.error.message}, which says nothing about the submission`,
    );
  }
  return { ...reading, scores: graded.ok ? ok({ search: scoreOf(graded.value) }) : graded };
}

const noScores: ScoreFailure = { kind: 'undefined', message: 'these predictions were refused before' };

/** The recorded answer, where there is one; throws where the submission is not admitted. */
function replayed(parts: EvaluationParts, task: StoredTask, submission: Submission): Answer | undefined {
  const { runs, database } = parts.vault;
  const { runId, candidateId, epoch, digest, exploratory = false } = submission;
  return database.transaction(() => {
    const recorded = runs.recordedOutcome(runId, candidateId, digest);
    const request = { version: task.version, epoch, digest };
    const admission = admit(request, runs.facts(runId, candidateId), recorded !== undefined);
    if (!admission.ok) throw admissionFault(admission.error);
    if (recorded === undefined) return;
    runs.touchCandidate(runId, candidateId, epoch, exploratory ? undefined : digest);
    appendAnswer(parts, task, submission, recorded.outcome, true);
    return { ...recorded, cached: true };
  });
}

function admissionFault(failure: AdmissionFailure): EvaluatorFault {
  return new EvaluatorFault('failedPrecondition', failure.reason, failure.message);
}

/** Writes the answer down; inside a transaction. */
function record(
  parts: EvaluationParts,
  task: StoredTask,
  submission: Submission,
  reading: Refused | ScoredReading,
): Answer {
  const { runs } = parts.vault;
  const { runId, candidateId, epoch, digest, parentIds, exploratory = false } = submission;
  if (reading.kind === 'refused' && reading.refusal.kind === 'digestMismatch') {
    // A fault of the transport says nothing about the file: it is told, and forgotten, so that the file can be sent again.
    const outcome = refused(reading.refusal);
    return { outcome, cached: false, ledgerSequence: appendAnswer(parts, task, submission, outcome, false) };
  }
  runs.bind(runId, task.version);
  runs.touchCandidate(runId, candidateId, epoch, exploratory ? undefined : digest);
  runs.noteParents(runId, candidateId, parentIds);
  const { cached, forgotten = false, ...scored } = outcomeOf(parts, task, submission, reading);
  const ledgerSequence = appendAnswer(parts, task, submission, scored.outcome, cached);
  if (forgotten) return { outcome: scored.outcome, cached, ledgerSequence };
  runs.record({ runId, candidateId, digest, epoch, ledgerSequence, ...scored });
  return { outcome: scored.outcome, cached, ledgerSequence };
}

function refused(told: Refusal): Outcome {
  return { kind: 'refusal', refusal: told };
}

interface Scored {
  readonly outcome: Outcome;
  readonly cached: boolean;
  readonly isQuery: boolean;
  readonly predictionDigest?: string;
  /** True where the same file may get another answer: a look that came too late says nothing about what is handed in. */
  readonly forgotten?: boolean;
}

function outcomeOf(
  parts: EvaluationParts,
  task: StoredTask,
  submission: Submission,
  reading: Refused | ScoredReading,
): Scored {
  const { runs } = parts.vault;
  const { runId, candidateId, exploratory = false } = submission;
  const free = { cached: false, isQuery: false };
  if (reading.kind === 'refused') return { ...free, outcome: refused(reading.refusal) };
  const { predictionDigest, scores } = reading;
  const earlier = runs.outcomeOfPrediction(runId, predictionDigest);
  if (earlier !== undefined) return { outcome: earlier, cached: true, isQuery: false, predictionDigest };
  if (!scores.ok) return { ...free, outcome: refused(refusal('invalidValue', scores.error.message)), predictionDigest };
  const budget = { ...defaultQueries, ...task.description.queries };
  const decision = decideQuery(runs.queriesUsed(runId, candidateId), budget, exploratory);
  if (decision === 'refuse' || decision === 'refuseLook') {
    const message =
      decision === 'refuse'
        ? `the run has used all of its ${budget.run} scores`
        : `the run keeps what is left of its ${budget.run} scores for finished attempts`;
    return { ...free, outcome: refused(refusal('queryBudget', message)), forgotten: decision === 'refuseLook' };
  }
  const stored = runs.scoresOf(task.version, predictionDigest);
  if (stored === undefined) {
    runs.storePrediction(task.version, predictionDigest, reading.predictions, scores.value);
  }
  const known = stored ?? scores.value;
  const feedback =
    decision === 'withhold'
      ? `withheld: this line of candidates has used its ${budget.lineage} scores`
      : shownText(parts, task, runId, known, reading);
  const outcome = searchOutcome(task, known, feedback);
  return { outcome, cached: stored !== undefined, isQuery: true, predictionDigest };
}

/** What the run's agents may see of the score. */
function shownText(
  { vault, load }: EvaluationParts,
  task: StoredTask,
  runId: string,
  scores: SplitScores,
  { predictionDigest, labelWorth: measuredWorth, ladderStart }: ScoredReading,
): string {
  const { runs } = vault;
  const { feedback, grader } = task.description;
  const known = feedback === 'exact' ? scores.search : (scores.shown ?? scores.search);
  const unsure = grader !== undefined && known.standardError === 0 ? ' (of unknown error)' : '';
  const metric = metricOf(task);
  const rows = load(task).rowsOf.search.length;
  const { score, labelWorth } =
    grader === undefined || feedback === 'exact'
      ? { score: known, labelWorth: measuredWorth }
      : graderBlur(known, grader, rows);
  // By all predictions: if those of other splits changed nothing, the texts would tell which rows are of which split.
  const blur = blurOf(vault.secretNumber(task.version, `feedback:${predictionDigest}`), labelWorth);
  if (feedback !== 'ladder') return `${feedbackText(metric, score, feedback, blur)}${unsure}`;
  const { text, shown } = ladderText(metric, score, runs.shown(runId) ?? ladderStart, blur);
  runs.show(runId, shown);
  return text;
}

/** What may leave of the scores: the search score alone. */
function searchOutcome(task: StoredTask, { search }: SplitScores, feedback: string): Outcome {
  const reason = implausibility(metricOf(task), search.value, task.description.plausible);
  return {
    kind: 'score',
    value: search.value,
    standardError: search.standardError,
    feedback,
    ...(reason === undefined ? {} : { quarantineReason: reason }),
  };
}

/** Writes an answer into the ledger, and gives its place; inside a transaction. */
export function appendAnswer(
  parts: EvaluationParts,
  task: StoredTask,
  submission: Pick<Submission, 'caller' | 'runId' | 'candidateId' | 'epoch' | 'digest' | 'exploratory'>,
  outcome: Outcome,
  cached: boolean,
): number {
  const { caller, runId, candidateId, epoch, digest, exploratory = false } = submission;
  const { description, version } = task;
  return parts.ledger.append(runId, {
    type: 'evaluated',
    at: parts.clock.now().toISOString(),
    to: caller,
    runId,
    candidateId,
    epoch,
    task: description.name,
    version,
    submissionDigest: digest,
    cached,
    ...(exploratory ? { exploratory } : {}),
    ...toldOutcome(outcome),
  }).sequence;
}

function toldOutcome(outcome: Outcome): Record<string, unknown> {
  switch (outcome.kind) {
    case 'score': {
      const { value, standardError, feedback, quarantineReason } = outcome;
      return { score: value, standardError, feedback, quarantined: quarantineReason !== undefined };
    }
    case 'refusal':
      return { refusal: outcome.refusal.kind, line: outcome.refusal.line };
    default:
      return assertNever(outcome);
  }
}
