// What a run's numbers say, in words and small tables: shared by the HTML page, the Markdown page and the terminal.

import { type Operator, operators } from '../../shared/core/vocabulary.ts';
import { beats, isScored, label, ranking, winnerOf } from '../core/history.ts';
import { failureDetail, failureWords } from '../core/lineage.ts';
import type { Candidate, Ensemble, Finalist, Run, Verdict } from '../core/model.ts';
import { percent, score, scoreWithError } from '../core/quantity.ts';
import { isOffline, type ModelsSeen, type ReportData } from './report-data.ts';

export interface Outcome {
  readonly winner: Candidate;
  readonly finalist: Finalist;
  readonly verdict: Verdict;
}

/** The winner with its finalist row; undefined where nobody won. */
export function outcomeOf(run: Run, candidates: readonly Candidate[]): Outcome | undefined {
  const winner = winnerOf(run.verdict, candidates);
  const finalist = run.verdict?.finalists.find((row) => row.candidateId === winner?.candidateId);
  if (run.verdict === null || winner === undefined || finalist === undefined) return undefined;
  return { winner, finalist, verdict: run.verdict };
}

/** What is handed in is worth this on rows that nobody saw; older verdicts have the winner's own validation score. */
export function finalScoreOf({ finalist, verdict }: Outcome): number {
  return verdict.finalScore ?? finalist.validationScore;
}

/** The test score of what is handed in, where it is known. */
export function finalTestScoreOf({ finalist, verdict }: Outcome): number | null {
  return verdict.ensemble?.selected === true ? verdict.ensemble.testScore : finalist.testScore;
}

/** `3 finalists (#7 60 %, #4 20 %, #9 20 %), mean of the predictions`. */
export function ensembleWords(ensemble: Ensemble, candidates: readonly Candidate[]): string {
  const shares = ensemble.members.map(
    ({ candidateId, weight }) => `${label(candidateId, candidates)} ${percent(weight)}`,
  );
  return `${ensemble.members.length} finalists (${shares.join(', ')}), ${ensemble.rule}`;
}

/** Whether the ensemble was taken, what the search score alone would have chosen, and what else a reader must know. */
export function choiceSentence(outcome: Outcome, candidates: readonly Candidate[]): string {
  const { finalist, verdict } = outcome;
  const { ensemble, searchWinnerId, searchWinnerValidationScore, winnerId } = verdict;
  const sentences: string[] = [];
  if (ensemble !== null) {
    const { selected, validationScore, probabilityBetter } = ensemble;
    sentences.push(
      `An ensemble of ${ensembleWords(ensemble, candidates)}, scores ${score(validationScore)} on the validation rows ` +
        `and is better than the best single finalist with probability ${percent(probabilityBetter)}: ` +
        (selected ? 'its predictions are handed in.' : 'not sure enough, so the winner alone is handed in.'),
    );
  }
  if (searchWinnerId === winnerId) sentences.push('The search score alone would have chosen the same winner.');
  else if (searchWinnerId !== '') {
    const name = label(searchWinnerId, candidates);
    const worth =
      searchWinnerValidationScore === null
        ? 'which has no score on the validation rows'
        : `which scores ${score(searchWinnerValidationScore)} on the validation rows, the winner ${score(finalist.validationScore)}`;
    sentences.push(`The search score alone would have chosen ${name}, ${worth}.`);
  }
  for (const note of verdict.notes) sentences.push(`${note.charAt(0).toUpperCase()}${note.slice(1)}.`);
  return sentences.join(' ');
}

/** `0.0931 (95 % interval 0.071 to 0.118)`. */
export function validationWords(outcome: Outcome): string {
  const { verdict } = outcome;
  if (Number.isNaN(verdict.intervalLow)) return score(finalScoreOf(outcome));
  return `${score(finalScoreOf(outcome))} (95 % interval ${score(verdict.intervalLow)} to ${score(verdict.intervalHigh)})`;
}

/** How the winner stands to the baseline, as a sentence. */
export function baselineSentence(outcome: Outcome): string {
  const { verdict } = outcome;
  const name = verdict.baselineName === '' ? '' : ` (${verdict.baselineName})`;
  if (Number.isNaN(verdict.baselineValidationScore)) return `The metric gives the trivial baseline${name} no score.`;
  const baseline = `the trivial baseline${name} scores ${score(verdict.baselineValidationScore)}`;
  const better = beats(finalScoreOf(outcome), verdict.baselineValidationScore, verdict.lowerIsBetter);
  if (!better) return `On the same rows ${baseline}: the result is no better than that.`;
  const edge = verdict.lowerIsBetter ? verdict.intervalHigh : verdict.intervalLow;
  if (Number.isNaN(edge)) return `On the same rows ${baseline}.`;
  const clear = beats(edge, verdict.baselineValidationScore, verdict.lowerIsBetter);
  return clear
    ? `On the same rows ${baseline}, which is outside of the interval.`
    : `On the same rows ${baseline}, which the interval does not rule out.`;
}

/** Search against validation: how much of the search score was luck. */
export function optimismSentence(outcome: Outcome): string {
  const { finalist, verdict } = outcome;
  const gap = finalist.searchScore - finalist.validationScore;
  const rosier = verdict.lowerIsBetter ? gap < 0 : gap > 0;
  const size = score(Math.abs(gap));
  if (Math.abs(gap) < 1e-12) return "The winner's search score was the same.";
  const seen = rosier
    ? `The winner's search score was ${score(finalist.searchScore)}, rosier by ${size} than the ${score(finalist.validationScore)} of its validation rows: that is what being selected on it does.`
    : `The winner's search score was ${score(finalist.searchScore)}, no rosier than the ${score(finalist.validationScore)} of its validation rows.`;
  return `${seen}${luckSentence(outcome)}`;
}

/** Why the result is not the score that the winner has on the validation rows; empty where it is, or where an ensemble is handed in. */
function luckSentence(outcome: Outcome): string {
  const { finalist, verdict } = outcome;
  const final = finalScoreOf(outcome);
  if (verdict.ensemble?.selected === true || Math.abs(final - finalist.validationScore) < 1e-12) return '';
  return ` The result of ${score(final)} leaves out the luck of being chosen among ${verdict.finalists.length} finalists on those same rows.`;
}

const offlinePolicyWords =
  'a rule-based researcher that looks at the data, writes scikit-learn programs and reacts to what they do. It shows that the whole ' +
  'path works; a model finds more.';

/** Why the offline policy's results are what they are, as far as its transcripts were read; undefined where a model answered. */
export function noticeOf(seen: ModelsSeen): string | undefined {
  if (!isOffline(seen)) return undefined;
  const { transcriptsRead, transcripts } = seen;
  if (transcriptsRead >= transcripts)
    return `No language model took part in this run. The built-in offline policy answered: ${offlinePolicyWords}`;
  return (
    `No language model took part in the ${transcriptsRead} of this run's ${transcripts} transcripts that were read. ` +
    `The built-in offline policy answered there: ${offlinePolicyWords}`
  );
}

/** The models by name, and of how many transcripts where not all were read. */
export function modelWords({ models, transcriptsRead, transcripts }: ModelsSeen): string {
  if (models.length === 0) return '–';
  const part = transcriptsRead < transcripts ? ` (in the ${transcriptsRead} of ${transcripts} transcripts read)` : '';
  return `${models.join(', ')}${part}`;
}

export interface OperatorRow {
  readonly operator: Operator;
  readonly attempts: number;
  readonly scored: number;
  readonly failed: number;
  readonly improved: number;
  readonly best: string;
}

/** How each operator did. */
export function operatorRows(candidates: readonly Candidate[], lowerIsBetter: boolean): OperatorRow[] {
  return operators
    .map((operator) => {
      const own = candidates.filter((candidate) => candidate.operator === operator);
      const best = ranking(own, lowerIsBetter)[0];
      return {
        operator,
        attempts: own.length,
        scored: own.filter(isScored).length,
        failed: own.filter((candidate) => candidate.state === 'failed').length,
        improved: own.filter((candidate) => candidate.wasBest).length,
        best: best === undefined ? '–' : scoreWithError(best.searchScore, best.standardError),
      };
    })
    .filter((row) => row.attempts > 0);
}

export interface FailureGroup {
  readonly words: string;
  readonly candidates: readonly Candidate[];
  /** The detail of the first one. */
  readonly example: string;
}

/** Failures by reason, the most frequent first. */
export function failureGroups(candidates: readonly Candidate[]): FailureGroup[] {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates.filter((one) => one.state === 'failed')) {
    const words = failureWords(candidate);
    groups.set(words, [...(groups.get(words) ?? []), candidate]);
  }
  return [...groups]
    .map(([words, members]) => {
      const first = members[0];
      return { words, candidates: members, example: first === undefined ? '' : failureDetail(first) };
    })
    .sort((left, right) => right.candidates.length - left.candidates.length);
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Share of the slots' time, from the first start to the last end, in which at least one attempt was on them. */
export function busyShare(candidates: readonly Candidate[]): string {
  const slots = new Map<string, Span[]>();
  for (const { host, slotId, startedAt, endedAt } of candidates) {
    const span = { from: Date.parse(startedAt ?? ''), to: Date.parse(endedAt ?? '') };
    if (Number.isNaN(span.from) || Number.isNaN(span.to)) continue;
    const slot = `${host}/${slotId}`;
    const there = slots.get(slot);
    if (there === undefined) slots.set(slot, [span]);
    else there.push(span);
  }
  const spans = [...slots.values()].flat();
  const start = spans.reduce((least, span) => Math.min(least, span.from), Number.POSITIVE_INFINITY);
  const end = spans.reduce((most, span) => Math.max(most, span.to), Number.NEGATIVE_INFINITY);
  const busy = [...slots.values()].reduce((sum, own) => sum + covered(own), 0);
  return end > start ? percent(busy / ((end - start) * slots.size)) : '–';
}

/** How much time the spans cover; what several of them cover counts once. */
function covered(spans: readonly Span[]): number {
  let sum = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { from, to } of [...spans].sort((left, right) => left.from - right.from)) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

/** How the labels were kept from everybody, as paragraphs. */
export function hiddenEvaluationParagraphs({ run, candidates }: Pick<ReportData, 'run' | 'candidates'>): string[] {
  const task = run.taskInfo;
  const rows = task === null ? '' : ` (${task.trainRows} labelled rows to train on, ${task.testRows} rows to predict)`;
  const split = `The task was imported on the evaluator, which split it once${task === null ? '' : ` (${task.splitStrategy})`}`;
  const bundle =
    `Agents saw a bundle${rows} in which these rows stand shuffled together under opaque ids, so that nobody can tell ` +
    'which row counts for what.';
  const kept =
    task?.refit === true
      ? 'and kept every label of the search, validation and test rows to itself while the run went on.'
      : 'and keeps every label of the search, validation and test rows to itself.';
  return [
    `${split} ${kept} ${bundle}`,
    ...(task?.refit === true ? [refitParagraph(run, candidates)] : []),
    'Programs ran in containers without network. Only their prediction files reached the evaluator, and only the search ' +
      'score came back while the run went on. Validation and test scores left the evaluator once, when the run was sealed.',
    'Each answer of the evaluator is a record in a hash-chained, signed ledger. Whoever has the head below can prove later ' +
      'that nothing was changed or left out.',
  ];
}

/** Which labels left, and where they are now: of a task whose winner is refitted. */
function refitParagraph(run: Run, candidates: readonly Candidate[]): string {
  const told = 'a record of the ledger (refitBundleSent) for each time';
  if (!candidates.some((candidate) => candidate.operator === 'refit')) {
    return (
      'The task asks for a refit: once such a run is sealed, the labels of its search and validation rows leave the evaluator for ' +
      `one last execution, with ${told}. ${run.state === 'sealed' ? 'No refit of this run is known.' : 'This run has had none yet.'}`
    );
  }
  return (
    'After the seal, when nothing of the run could be scored any more, the labels of the search and validation rows left the ' +
    `evaluator for the refit, with ${told}. Since then they lie in the coordinator's artifact store and in the cache of the ` +
    'host that ran the refit, as files that no other attempt is given. Labels of the test rows never left.'
  );
}
