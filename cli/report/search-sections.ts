// The middle of the report: how the search went, who descends from whom, what was tried and what it taught.

import { hasEnded, idea, isScored, parentLabels, ranking } from '../core/history.ts';
import { failureDetail, failureWords, standing } from '../core/lineage.ts';
import type { Candidate } from '../core/model.ts';
import { bytes, duration, plural } from '../core/quantity.ts';
import { oneLine, shorten } from '../core/text.ts';
import { busyShare, failureGroups, operatorRows } from './facts.ts';
import { lineageChart } from './lineage-chart.ts';
import { html, type Markup, nothing, when } from './markup.ts';
import type { ReportData } from './report-data.ts';
import { omittedWords, scoreChart } from './score-chart.ts';
import { slotChart } from './slot-chart.ts';

/** More rows or notes than this help nobody; the best ones are kept and the page says so. */
const mostRows = 500;
const mostNotes = 60;

export function searchSections(data: ReportData): Markup {
  const { run, candidates } = data;
  if (candidates.length === 0) return nothing;
  return html`<section><h2>The search</h2>
    ${scoreChart(run, candidates)}${keys()}
    <p class="note">Search scores; they steer the search and say little about new data. A triangle at the edge stands outside of the shown range. Hover for details. ${omittedWords(candidates)}</p>
    ${operatorTable(data)}
  </section>
  <section><h2>Lineage</h2>${lineageChart(run, candidates)}
    <p class="note">Children stand to the right of their parents; a dashed line comes from the second parent of a crossover. The greener, the better the search score.</p></section>
  <section><h2>Slots</h2>${slotChart(run, candidates)}
    <p class="note">An attempt was on a slot for ${busyShare(candidates)} of the slots' time.</p></section>
  ${notesSection(data)}
  ${candidateTable(data)}`;
}

function keys(): Markup {
  const entries = ['draft', 'mutate', 'crossover', 'repair', 'failed'];
  return html`<ul class="keys"><li><i class="line"></i>best so far</li>${entries.map((name) => html`<li><i class="${name}"></i>${name}</li>`)}</ul>`;
}

function lowerIsBetter(data: ReportData): boolean {
  return data.run.taskInfo?.lowerIsBetter ?? true;
}

function operatorTable(data: ReportData): Markup {
  return html`<h3>By operator</h3><div class="scroll"><table>
    <tr><th>Operator</th><th class="n">Attempts</th><th class="n">Scored</th><th class="n">Failed</th><th class="n">Set a new best</th><th class="n">Best score</th></tr>
    ${operatorRows(data.candidates, lowerIsBetter(data)).map(
      (row) => html`<tr><td>${row.operator}</td><td class="n">${row.attempts}</td><td class="n">${row.scored}</td>
      <td class="n">${row.failed}</td><td class="n">${row.improved}</td><td class="n">${row.best}</td></tr>`,
    )}</table></div>`;
}

function notesSection(data: ReportData): Markup {
  const ranked = ranking(data.candidates, lowerIsBetter(data)).filter((candidate) => candidate.note.trim() !== '');
  const shown = ranked.slice(0, mostNotes);
  const groups = failureGroups(data.candidates);
  if (shown.length + groups.length === 0) return nothing;
  return html`<section><h2>What was tried and what it taught</h2>
    ${shown.slice(0, 8).map((candidate) => note(candidate, data.candidates))}
    ${when(shown.length > 8, () => html`<details><summary>${plural(shown.length - 8, 'more note')}</summary>${shown.slice(8).map((candidate) => note(candidate, data.candidates))}</details>`)}
    ${when(groups.length > 0, () => failures(data))}
  </section>`;
}

function note(candidate: Candidate, all: readonly Candidate[]): Markup {
  const from = candidate.parentIds.length === 0 ? '' : ` from ${parentLabels(candidate, all)}`;
  return html`<div class="idea ${candidate.wasBest ? 'better' : ''}"><div class="head"><b>#${candidate.number}</b>
    ${candidate.operator ?? ''}${from} · ${standing(candidate)} · ran ${duration(candidate.runSeconds)}${candidate.wasBest ? ' · new best' : ''}</div>
    <div class="text">${candidate.note.trim()}</div></div>`;
}

function failures({ candidates }: ReportData): Markup {
  return html`<h3>Failures</h3>${failureGroups(candidates).map(
    (group) => html`<div class="idea failed"><div class="head"><b>${group.words}</b> ·
      ${group.candidates
        .slice(0, 20)
        .map((candidate) => `#${candidate.number}`)
        .join(', ')}</div>
      <div class="text">${shorten(group.example, 400)}</div></div>`,
  )}`;
}

function candidateTable(data: ReportData): Markup {
  const { run, candidates } = data;
  const ranked: readonly Candidate[] = [
    ...ranking(candidates, lowerIsBetter(data)),
    ...candidates.filter((candidate) => !isScored(candidate) && hasEnded(candidate)),
  ];
  const shown = ranked.slice(0, mostRows);
  return html`<section><h2>All candidates</h2><div class="scroll"><table>
    <tr><th>Candidate</th><th>Operator</th><th>Parents</th><th class="n">Search score</th><th class="n">Run time</th><th class="n">Peak memory</th><th class="n">Turns</th><th>Idea, or why it failed</th></tr>
    ${shown.map(
      (candidate) => html`<tr class="${candidate.candidateId === run.verdict?.winnerId ? 'wins' : ''}">
      <td class="w">#${candidate.number}</td><td>${candidate.operator ?? ''}</td><td class="w">${parentLabels(candidate, candidates)}</td>
      <td class="n">${isScored(candidate) ? html`${standing(candidate)}` : html`<span class="bad">${standing(candidate)}</span>`}</td>
      <td class="n">${candidate.runSeconds > 0 ? duration(candidate.runSeconds) : '–'}</td>
      <td class="n">${candidate.usage.peakMemoryBytes > 0 ? bytes(candidate.usage.peakMemoryBytes) : '–'}</td>
      <td class="n">${candidate.usage.turns}</td>
      <td><span class="soft">${words(candidate)}</span></td></tr>`,
    )}</table></div>
    ${when(shown.length < ranked.length, () => html`<p class="note">The best ${shown.length} of ${ranked.length}; doubleblind results ${run.runId} -o json has all.</p>`)}
  </section>`;
}

function words(candidate: Candidate): string {
  if (isScored(candidate)) return shorten(oneLine(idea(candidate)), 160);
  return shorten(failureDetail(candidate) || failureWords(candidate), 160);
}
