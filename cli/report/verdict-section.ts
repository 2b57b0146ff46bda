// The head of the report: who won, by how much, and how sure that is.

import { endReasonWords, label } from '../core/history.ts';
import type { Candidate, Run, Verdict } from '../core/model.ts';
import { count, duration, minute, percent, plural, score, scoreWithError } from '../core/quantity.ts';
import {
  baselineSentence,
  choiceSentence,
  finalScoreOf,
  finalTestScoreOf,
  noticeOf,
  type Outcome,
  optimismSentence,
  outcomeOf,
} from './facts.ts';
import { finalistChart } from './finalist-chart.ts';
import { html, type Markup, nothing, when } from './markup.ts';
import type { ReportData } from './report-data.ts';

/** Title, verdict and the notice about the offline policy. */
export function headSections(data: ReportData): Markup {
  const { run } = data;
  const notice = noticeOf(data);
  return html`${title(run)}
  ${notice === undefined ? nothing : html`<section class="notice"><p>${notice}</p></section>`}
  ${verdictSection(data)}`;
}

function title(run: Run): Markup {
  const task = run.taskInfo;
  const direction = task?.lowerIsBetter === false ? 'higher is better' : 'lower is better';
  const parts = [
    `${task?.metric ?? ''} (${direction})`,
    plural(run.candidatesScored, 'scored candidate'),
    duration(run.elapsedSeconds),
    minute(run.createdAt),
    `run ${run.runId}`,
  ];
  return html`<h1>${task?.title || run.task}</h1>
  <p class="sub">${parts.filter((part) => part !== '').map((part) => html`<span>${part}</span>`)}</p>`;
}

function verdictSection({ run, candidates }: ReportData): Markup {
  const outcome = outcomeOf(run, candidates);
  if (outcome !== undefined) return won(run, candidates, outcome);
  if (run.state === 'killed') {
    return html`<section><h2>No verdict</h2><p>The run was killed, and its validation scores stay with the evaluator;
    <code>doubleblind kill --seal ${run.runId}</code> asks for them. What follows is the search up to then.</p></section>`;
  }
  if (run.state !== 'sealed') {
    return html`<section><h2>No verdict yet</h2><p>The run is ${run.state}. Validation scores stay with the evaluator until it is sealed;
    what follows is the search so far.</p></section>`;
  }
  return html`<section><h2>Nobody won</h2><p>The run was sealed without a valid candidate: ${endReasonWords(run)}.
    ${plural(run.attemptsFailed, 'attempt')} failed; the reasons are below.</p></section>`;
}

function won(run: Run, candidates: readonly Candidate[], outcome: Outcome): Markup {
  const { winner, verdict } = outcome;
  const testScore = finalTestScoreOf(outcome);
  const handedIn = verdict.ensemble?.selected === true ? 'the ensemble' : 'the winner';
  return html`<section><h2>Verdict</h2>
    <div class="figures">
      ${figure(`Validation score of ${handedIn}`, score(finalScoreOf(outcome)), `95 % interval ${score(verdict.intervalLow)} to ${score(verdict.intervalHigh)}, ${count(verdict.validationRows)} rows`, 'win')}
      ${figure('Trivial baseline', score(verdict.baselineValidationScore), verdict.baselineName)}
      ${testScore === null ? nothing : figure(`Test score of ${handedIn}`, score(testScore), 'official test rows')}
      ${figure('Winner', `#${winner.number}`, `${winner.operator ?? ''}, ${winner.candidateId}`)}
    </div>
    <p>${baselineSentence(outcome)} ${optimismSentence(outcome)} ${choiceSentence(outcome, candidates)}
    The run ended because ${endReasonWords(run)}.</p>
    ${when(verdict.finalists.length > 1, () => html`<h3>The finalists on the validation rows</h3>${finalistChart(verdict, candidates)}`)}
    ${finalistTable(verdict, candidates)}
  </section>`;
}

function figure(name: string, value: string, more: string, look = ''): Markup {
  return html`<div class="figure ${look}"><div class="name">${name}</div><div class="value">${value}</div><div class="more">${more}</div></div>`;
}

function finalistTable(verdict: Verdict, candidates: readonly Candidate[]): Markup {
  const tested = verdict.finalists.some((finalist) => finalist.testScore !== null);
  return html`<div class="scroll"><table>
    <tr><th>Finalist</th><th class="n">Search</th><th class="n">Validation</th><th class="n">Best with probability</th>${when(tested, () => html`<th class="n">Test</th>`)}</tr>
    ${verdict.finalists.map(
      (finalist) => html`<tr class="${finalist.candidateId === verdict.winnerId ? 'wins' : ''}">
      <td class="w">${label(finalist.candidateId, candidates)}</td><td class="n">${score(finalist.searchScore)}</td>
      <td class="n">${scoreWithError(finalist.validationScore, finalist.validationStandardError)}</td>
      <td class="n">${percent(finalist.probabilityBest)}</td>
      ${when(tested, () => html`<td class="n">${finalist.testScore === null ? '–' : score(finalist.testScore)}</td>`)}</tr>`,
    )}</table></div>`;
}
