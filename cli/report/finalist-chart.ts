// Validation scores of the finalists with their 95 % intervals, the trivial baseline as a line across.

import { label } from '../core/history.ts';
import type { Candidate, Finalist, Verdict } from '../core/model.ts';
import { score } from '../core/quantity.ts';
import { html, type Markup } from './markup.ts';
import { place, type Scale, ticks } from './scale.ts';

const width = 920;
const rowHeight = 26;
const box = { left: 74, right: 30, top: 8, bottom: 30 };
/** The verdict gives the winner's interval itself; the others are drawn from their standard errors. */
const normal95 = 1.96;

function interval(finalist: Finalist, verdict: Verdict): readonly [number, number] {
  if (finalist.candidateId === verdict.winnerId && !Number.isNaN(verdict.intervalLow)) {
    return [verdict.intervalLow, verdict.intervalHigh];
  }
  const half = normal95 * finalist.validationStandardError;
  return [finalist.validationScore - half, finalist.validationScore + half];
}

export function finalistChart(verdict: Verdict, candidates: readonly Candidate[]): Markup {
  // One that the task's own grader gave no score has no place on the scale.
  const rows = verdict.finalists.filter(({ validationScore }) => !Number.isNaN(validationScore)).slice(0, 20);
  const ends = rows.flatMap((finalist) => interval(finalist, verdict));
  const low = Math.min(...ends);
  const high = Math.max(...ends);
  const span = high - low || Math.abs(high) || 1;
  // A baseline far away would squeeze the finalists into a corner, so it is drawn only where it is near.
  const baseline = verdict.baselineValidationScore;
  const near = baseline > low - span && baseline < high + span;
  const from = (near ? Math.min(low, baseline) : low) - span * 0.05;
  const to = (near ? Math.max(high, baseline) : high) + span * 0.05;
  const x: Scale = { low: from, high: to, from: box.left, to: width - box.right };
  const height = box.top + rows.length * rowHeight + box.bottom;
  const bottom = height - box.bottom;
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Validation scores of the finalists">
    ${ticks(from, to, 7).map(
      (
        value,
      ) => html`<line class="grid" x1="${place(x, value)}" x2="${place(x, value)}" y1="${box.top}" y2="${bottom}"/>
        <text class="tick middle" x="${place(x, value)}" y="${bottom + 18}">${score(value)}</text>`,
    )}
    ${near ? baselineMark(place(x, baseline), bottom) : null}
    ${rows.map((finalist, index) => row(finalist, verdict, candidates, x, box.top + (index + 0.5) * rowHeight))}
  </svg>`;
}

function baselineMark(x: number, bottom: number): Markup {
  return html`<line class="baseline" x1="${x}" x2="${x}" y1="${box.top}" y2="${bottom}"/>
    <text class="tick ${x > width / 2 ? 'end' : ''}" x="${x > width / 2 ? x - 6 : x + 6}" y="${box.top + 10}">baseline</text>`;
}

function row(finalist: Finalist, verdict: Verdict, candidates: readonly Candidate[], x: Scale, y: number): Markup {
  const [low, high] = interval(finalist, verdict);
  const wins = finalist.candidateId === verdict.winnerId;
  const words = `${label(finalist.candidateId, candidates)}: validation ${score(finalist.validationScore)}, ${score(low)} to ${score(high)}`;
  return html`<g class="finalist ${wins ? 'wins' : ''}"><title>${words}</title>
    <text class="tick end" x="${box.left - 12}" y="${y + 4}">${label(finalist.candidateId, candidates)}</text>
    <line x1="${place(x, low)}" x2="${place(x, high)}" y1="${y}" y2="${y}"/>
    <circle cx="${place(x, finalist.validationScore)}" cy="${y}" r="${wins ? 6 : 4.5}"/></g>`;
}
