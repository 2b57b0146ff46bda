// The closing words of a run on the terminal: the best candidates, the verdict, and where everything lies.

import { idea, isScored, parentLabels, ranking } from './core/history.ts';
import { failureDetail, failureWords, standing } from './core/lineage.ts';
import type { Candidate, Run } from './core/model.ts';
import { duration, percent, plural, score } from './core/quantity.ts';
import { wrap } from './core/text.ts';
import {
  baselineSentence,
  choiceSentence,
  ensembleWords,
  failureGroups,
  finalScoreOf,
  finalTestScoreOf,
  noticeOf,
  optimismSentence,
  outcomeOf,
} from './report/facts.ts';
import type { ModelsSeen } from './report/report-data.ts';
import type { Style } from './terminal/style.ts';
import { type Column, renderTable, type Screen } from './terminal/table.ts';

interface Row {
  readonly rank: string;
  readonly candidate: Candidate;
}

/** The candidates as a table: ranked ones first, then, where asked for, those that failed. */
export function candidateTable(
  run: Run,
  candidates: readonly Candidate[],
  options: { readonly limit: number; readonly failed: boolean; readonly screen: Screen },
): string {
  const ranked = ranking(candidates, run.taskInfo?.lowerIsBetter ?? true).slice(0, options.limit);
  const rows: Row[] = ranked.map((candidate, index) => ({ rank: String(index + 1), candidate }));
  if (options.failed) {
    const rest = candidates.filter((candidate) => candidate.state === 'failed' || candidate.state === 'quarantined');
    rows.push(...rest.map((candidate) => ({ rank: '–', candidate })));
  }
  const { screen } = options;
  const { style } = screen;
  if (rows.length === 0) return style.dim('no candidate has a score');
  const wins = run.verdict?.winnerId;
  const columns: readonly Column<Row>[] = [
    { title: 'RANK', value: (row) => row.rank, align: 'right' },
    {
      title: 'CANDIDATE',
      value: ({ candidate }) => `#${candidate.number}${candidate.candidateId === wins ? ' ★' : ''}`,
      paint: ({ candidate }, text) => (candidate.candidateId === wins ? style.bold(style.good(text)) : text),
    },
    { title: 'OPERATOR', value: ({ candidate }) => candidate.operator ?? '' },
    { title: 'PARENTS', value: ({ candidate }) => parentLabels(candidate, candidates) },
    {
      title: 'SEARCH SCORE',
      value: ({ candidate }) => standing(candidate),
      paint: ({ candidate }, text) => (isScored(candidate) ? text : style.bad(text)),
    },
    { title: 'RUN TIME', value: ({ candidate }) => runTime(candidate), align: 'right' },
    {
      title: 'IDEA',
      value: ({ candidate }) =>
        isScored(candidate) ? idea(candidate) : failureDetail(candidate) || failureWords(candidate),
      width: Math.max(24, Math.min(110, screen.columns - 78)),
    },
  ];
  return renderTable(rows, columns, screen);
}

function runTime(candidate: Candidate): string {
  return candidate.runSeconds > 0 ? duration(candidate.runSeconds) : '–';
}

/** The verdict in a few lines. */
export function verdictText(run: Run, candidates: readonly Candidate[], style: Style, width: number): string {
  const outcome = outcomeOf(run, candidates);
  if (outcome === undefined) return noVerdictText(run, candidates, style);
  const { winner, finalist, verdict } = outcome;
  const lines = [
    `${style.bold('Winner')}      #${winner.number} (${winner.operator ?? ''}), ${winner.candidateId}`,
    ...(verdict.ensemble?.selected === true
      ? [`${style.bold('Ensemble')}    ${ensembleWords(verdict.ensemble, candidates)}; its predictions are handed in`]
      : []),
    `${style.bold('Validation')}  ${style.good(style.bold(score(finalScoreOf(outcome))))}  95 % interval ${score(verdict.intervalLow)} to ${score(verdict.intervalHigh)}, ${verdict.validationRows} rows, winner best of ${plural(verdict.finalists.length, 'finalist')} with probability ${percent(finalist.probabilityBest)}`,
    `${style.bold('Baseline')}    ${score(verdict.baselineValidationScore)}  ${verdict.baselineName}`,
  ];
  const testScore = finalTestScoreOf(outcome);
  if (testScore !== null) lines.push(`${style.bold('Test')}        ${score(testScore)}`);
  const words = `${baselineSentence(outcome)} ${optimismSentence(outcome)} ${choiceSentence(outcome, candidates)}`;
  return [...lines, ...wrap(words, Math.min(110, width)).map((line) => style.dim(line))].join('\n');
}

function noVerdictText(run: Run, candidates: readonly Candidate[], style: Style): string {
  if (run.state === 'killed') {
    return `No verdict: the run was killed. Seal it with what it has: doubleblind kill --seal ${run.runId}`;
  }
  if (run.state !== 'sealed') return `No verdict yet: the run is ${run.state}.`;
  const groups = failureGroups(candidates).map(
    (group) => `  ${group.candidates.length} × ${group.words}${group.example === '' ? '' : `: ${group.example}`}`,
  );
  const head = style.bad('The run ended without a valid candidate.');
  const next = `  doubleblind logs ID and doubleblind transcript ID show what an attempt did.`;
  return [head, ...groups, next].join('\n');
}

/** The notice about the offline policy, wrapped; empty where a language model answered. */
export function offlineText(seen: ModelsSeen, style: Style, width: number): string {
  const notice = noticeOf(seen);
  if (notice === undefined) return '';
  return wrap(`Note: ${notice}`, Math.min(110, width))
    .map((line) => style.warn(line))
    .join('\n');
}
