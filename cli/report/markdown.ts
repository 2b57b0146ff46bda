// The report as Markdown, for issues, notebooks and terminals. The same facts as the page, without its pictures.

import { bestSoFar, endReasonWords, idea, isScored, label, parentLabels, ranking, winnerOf } from '../core/history.ts';
import { lineageLines, lineageText, standing } from '../core/lineage.ts';
import type { Candidate, Verdict } from '../core/model.ts';
import { count, dollars, duration, percent, score, scoreWithError } from '../core/quantity.ts';
import { harmless, oneLine, shorten } from '../core/text.ts';
import {
  baselineSentence,
  choiceSentence,
  failureGroups,
  finalTestScoreOf,
  hiddenEvaluationParagraphs,
  modelWords,
  noticeOf,
  operatorRows,
  optimismSentence,
  outcomeOf,
  validationWords,
} from './facts.ts';
import type { ReportData } from './report-data.ts';

/** What others wrote, made inert in a Markdown table or line. */
function inert(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]<>#|!~&]/g, (character) => (character === '&' ? '&amp;' : `\\${character}`));
}

/** A fenced block whose fence is longer than any run of backticks inside. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${harmless(text).trimEnd()}\n${fence}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function reportMarkdown(data: ReportData): string {
  const { run } = data;
  const notice = noticeOf(data);
  const blocks = [
    `# ${inert(run.taskInfo?.title || run.task)}`,
    `Run \`${run.runId}\`, ${run.taskInfo?.metric ?? ''} (${run.taskInfo?.lowerIsBetter === false ? 'higher' : 'lower'} is better), ${duration(run.elapsedSeconds)}.`,
    notice === undefined ? '' : `> ${notice}`,
    verdict(data),
    search(data),
    program(data),
    cost(data),
    '## How the evaluation was kept hidden',
    ...hiddenEvaluationParagraphs(data),
    `Ledger's head: \`${run.verdict?.ledgerHead || 'not sealed yet'}\``,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function verdict(data: ReportData): string {
  const { run, candidates } = data;
  const outcome = outcomeOf(run, candidates);
  if (outcome === undefined) {
    return run.state === 'sealed'
      ? `## Nobody won\n\nThe run was sealed without a valid candidate: ${endReasonWords(run)}.`
      : `## No verdict yet\n\nThe run is ${run.state}.`;
  }
  const testScore = finalTestScoreOf(outcome);
  const test = testScore === null ? '' : ` Test score: ${score(testScore)}.`;
  const handedIn = outcome.verdict.ensemble?.selected === true ? ', and an ensemble that beats it is handed in,' : '';
  return [
    '## Verdict',
    `Candidate #${outcome.winner.number} wins${handedIn} with a validation score of **${validationWords(outcome)}**.${test}`,
    inert(
      `${baselineSentence(outcome)} ${optimismSentence(outcome)} ${choiceSentence(outcome, candidates)} The run ended because ${endReasonWords(run)}.`,
    ),
    finalists(outcome.verdict, candidates),
  ].join('\n\n');
}

function finalists(of: Verdict, candidates: readonly Candidate[]): string {
  return table(
    ['Finalist', 'Search', 'Validation', 'Best with probability', 'Test'],
    of.finalists.map((finalist) => [
      label(finalist.candidateId, candidates),
      score(finalist.searchScore),
      scoreWithError(finalist.validationScore, finalist.validationStandardError),
      percent(finalist.probabilityBest),
      finalist.testScore === null ? '–' : score(finalist.testScore),
    ]),
  );
}

function search({ run, candidates }: ReportData): string {
  const lowerIsBetter = run.taskInfo?.lowerIsBetter ?? true;
  const ranked = ranking(candidates, lowerIsBetter).slice(0, 30);
  const tree = lineageLines(candidates).slice(0, 300);
  const blocks = [
    '## The search',
    table(
      ['Operator', 'Attempts', 'Scored', 'Failed', 'Set a new best', 'Best score'],
      operatorRows(candidates, lowerIsBetter).map((row) => [
        row.operator,
        ...[row.attempts, row.scored, row.failed, row.improved].map(String),
        row.best,
      ]),
    ),
    table(
      ['Rank', 'Candidate', 'Operator', 'Parents', 'Search score', 'Run time', 'Idea'],
      ranked.map((candidate, index) => [
        String(index + 1),
        `#${candidate.number}`,
        candidate.operator ?? '',
        parentLabels(candidate, candidates),
        standing(candidate),
        duration(candidate.runSeconds),
        inert(shorten(idea(candidate), 120)),
      ]),
    ),
    '### The best so far',
    table(
      ['After', 'Candidate', 'Operator', 'Best search score', 'Idea'],
      bestSoFar(run, candidates, lowerIsBetter).map(({ seconds, score: best, candidate }) => [
        duration(seconds),
        `#${candidate.number}`,
        candidate.operator ?? '',
        score(best),
        inert(shorten(idea(candidate), 120)),
      ]),
    ),
    '### Lineage',
    fenced(tree.map((line) => `${line.branches}${lineageText(line.candidate, candidates)}`).join('\n'), 'text'),
    '### What was tried and what it taught',
    ...ranked
      .filter((candidate) => isScored(candidate) && candidate.note !== '')
      .slice(0, 15)
      .map(note),
    ...failureGroups(candidates).map(
      (group) => `- **${group.words}** (${group.candidates.length}): ${inert(shorten(group.example, 300))}`,
    ),
  ];
  return candidates.length === 0 ? '' : blocks.join('\n\n');
}

function note(candidate: Candidate): string {
  const lines = harmless(candidate.note)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return `- **#${candidate.number}**, ${standing(candidate)}: ${lines.map(inert).join('<br>')}`;
}

function program({ run, candidates, winnerFiles }: ReportData): string {
  const winner = winnerOf(run.verdict, candidates);
  const main = winnerFiles[0];
  if (winner === undefined || main === undefined) return '';
  return `## The winner's program\n\n${fenced(main.text, main.path.endsWith('.py') ? 'python' : '')}`;
}

function cost(data: ReportData): string {
  const { run } = data;
  const { usage } = run;
  return [
    '## What it took',
    table(
      ['', ''],
      [
        ['Attempts', `${run.attemptsPlanned} planned, ${run.candidatesScored} scored, ${run.attemptsFailed} failed`],
        ['Time, slot time', `${duration(run.elapsedSeconds)}, ${duration(usage.slotSeconds)}`],
        ['Models', inert(modelWords(data))],
        ['Model calls', count(usage.turns)],
        ['Tokens read, written', `${count(usage.inputTokens)}, ${count(usage.outputTokens)}`],
        ['Money', dollars(usage.dollars)],
        ['Seed', String(run.options?.seed ?? 0)],
      ],
    ),
  ].join('\n\n');
}
