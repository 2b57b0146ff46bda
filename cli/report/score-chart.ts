// Every candidate over time, the failed ones on a lane of their own, and the best score so far as steps.

import { bestSoFar, endedSeconds, idea, isScored, ranking } from '../core/history.ts';
import { failureDetail, failureWords } from '../core/lineage.ts';
import type { Candidate, Run } from '../core/model.ts';
import { duration, score, scoreWithError } from '../core/quantity.ts';
import { oneLine, shorten } from '../core/text.ts';
import { html, type Markup, when } from './markup.ts';
import { clock, place, robustRange, type Scale, ticks, timeTicks } from './scale.ts';

const width = 920;
const height = 380;
const box = { left: 64, right: 20, top: 18, bottom: 44, lane: 34 };
/** More marks than this make a page slow and a chart a smear; the worst scored ones go first. */
const mostMarks = 3000;

interface Plot {
  readonly x: Scale;
  readonly y: Scale;
  readonly run: Run;
}

/** What of the run the chart leaves out; empty where it has everything. */
export function omittedWords(candidates: readonly Candidate[]): string {
  const scored = candidates.filter(isScored).length;
  const failed = candidates.filter((candidate) => candidate.state === 'failed').length;
  const parts = [
    ...(scored > mostMarks ? [`the best ${mostMarks} of ${scored} scores`] : []),
    ...(failed > mostMarks ? [`the first ${mostMarks} of ${failed} failures`] : []),
  ];
  return parts.length === 0 ? '' : `The chart shows ${parts.join(' and ')}.`;
}

/** The chart; `baseline` is the trivial baseline's search score where the verdict has revealed it. */
export function scoreChart(run: Run, candidates: readonly Candidate[]): Markup {
  const lowerIsBetter = run.taskInfo?.lowerIsBetter ?? true;
  const ranked = ranking(candidates, lowerIsBetter);
  const baseline = run.verdict?.baselineSearchScore;
  const best = bestSoFar(run, candidates, lowerIsBetter);
  const range = robustRange(
    ranked.map((candidate) => candidate.searchScore),
    [...best.slice(-1).map((point) => point.score)],
    lowerIsBetter,
  );
  const last = Math.max(run.elapsedSeconds, 1, ...candidates.map((candidate) => endedSeconds(run, candidate)));
  const floor = height - box.bottom - box.lane;
  const plot: Plot = {
    run,
    x: { low: 0, high: last, from: box.left, to: width - box.right },
    y: { low: range[0], high: range[1], from: floor, to: box.top },
  };
  const failed = candidates.filter((candidate) => candidate.state === 'failed');
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Search scores over time">
    ${grid(plot)}
    ${baselineLine(plot, baseline)}
    <path class="best" d="${steps(plot, best)}"/>
    ${ranked.slice(0, mostMarks).map((candidate) => dot(plot, candidate, lowerIsBetter))}
    ${failed.slice(0, mostMarks).map((candidate) => cross(plot, candidate))}
  </svg>`;
}

function grid({ x, y }: Plot): Markup {
  const laneY = height - box.bottom - box.lane / 2 + 4;
  return html`${ticks(y.low, y.high, 5).map(
    (value) => html`<line class="grid" x1="${x.from}" x2="${x.to}" y1="${place(y, value)}" y2="${place(y, value)}"/>
      <text class="tick end" x="${x.from - 8}" y="${place(y, value) + 4}">${score(value)}</text>`,
  )}
  ${timeTicks(x.high, 8).map(
    (time) =>
      html`<text class="tick middle" x="${place(x, time)}" y="${height - box.bottom + 18}">${clock(time)}</text>`,
  )}
  <line class="axis" x1="${x.from}" x2="${x.to}" y1="${y.from}" y2="${y.from}"/>
  <line class="axis" x1="${x.from}" x2="${x.to}" y1="${height - box.bottom}" y2="${height - box.bottom}"/>
  <text class="tick end" x="${x.from - 8}" y="${laneY}">failed</text>
  <text class="tick middle" x="${(x.from + x.to) / 2}" y="${height - 6}">time since the start</text>`;
}

function baselineLine({ x, y }: Plot, baseline: number | undefined): Markup {
  const shown = baseline !== undefined && baseline >= y.low && baseline <= y.high;
  return when(shown, () => {
    const at = place(y, baseline ?? 0);
    return html`<line class="baseline" x1="${x.from}" x2="${x.to}" y1="${at}" y2="${at}"/>
      <text class="tick end" x="${x.to}" y="${at - 5}">trivial baseline ${score(baseline ?? 0)}</text>`;
  });
}

function steps({ x, y }: Plot, best: readonly { readonly seconds: number; readonly score: number }[]): string {
  let path = '';
  let previous: number | undefined;
  for (const point of best) {
    const atX = place(x, point.seconds).toFixed(1);
    const atY = place(y, point.score);
    path += previous === undefined ? `M${atX} ${atY.toFixed(1)}` : `H${atX}V${atY.toFixed(1)}`;
    previous = atY;
  }
  return path === '' ? '' : `${path}H${x.to}`;
}

function dot(plot: Plot, candidate: Candidate & { readonly searchScore: number }, lowerIsBetter: boolean): Markup {
  const cx = place(plot.x, endedSeconds(plot.run, candidate));
  const cy = place(plot.y, candidate.searchScore);
  const outside = candidate.searchScore < plot.y.low || candidate.searchScore > plot.y.high;
  const value = scoreWithError(candidate.searchScore, candidate.standardError);
  const words = `#${candidate.number} ${candidate.operator ?? ''}: ${value}, ran ${duration(candidate.runSeconds)}. ${shorten(oneLine(idea(candidate)), 160)}`;
  const title = html`<title>${words}</title>`;
  if (outside) {
    const points = lowerIsBetter
      ? `${cx - 5},${box.top + 8} ${cx + 5},${box.top + 8} ${cx},${box.top}`
      : `${cx - 5},${plot.y.from - 8} ${cx + 5},${plot.y.from - 8} ${cx},${plot.y.from}`;
    return html`<polygon class="dot ${candidate.operator ?? ''}" points="${points}">${title}</polygon>`;
  }
  const radius = candidate.wasBest ? 6 : 4.5;
  return html`<circle class="dot ${candidate.operator ?? ''}" cx="${cx}" cy="${cy}" r="${radius}">${title}</circle>`;
}

function cross(plot: Plot, candidate: Candidate): Markup {
  const x = place(plot.x, endedSeconds(plot.run, candidate));
  const y = height - box.bottom - box.lane / 2;
  const words = `#${candidate.number} ${candidate.operator ?? ''}: ${failureWords(candidate)}. ${shorten(failureDetail(candidate), 160)}`;
  return html`<path class="cross" d="M${x - 4} ${y - 4}l8 8m0 -8l-8 8"><title>${words}</title></path>`;
}
