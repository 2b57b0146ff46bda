// What an agent may see of a search score, and which scores are too good to believe.

import type { Metric } from './metrics/metric.ts';
import type { Score } from './metrics/score.ts';

/** How much of the search score is shown: in steps of its noise, only clear improvements of the run, or all of it. */
export type FeedbackMode = 'quantised' | 'ladder' | 'exact';

export const feedbackModes: readonly FeedbackMode[] = ['quantised', 'ladder', 'exact'];

/**
 * The score as text, `0.42 ± 0.02`. Quantised: the score stands on a grid of 1, 2 or 5 × 10^k that is no finer than its
 * standard error, and no finer than `smallestStep`, which no submission can choose; the error shown is that step.
 */
export function feedbackText(score: Score, mode: FeedbackMode, smallestStep = 0): string {
  if (mode === 'exact') return `${score.value} ± ${score.standardError.toPrecision(2)}`;
  const step = gridStep(Math.max(score.standardError, smallestStep) || Math.abs(score.value) / 100);
  if (step === undefined) return `${score.value.toFixed(2)} ± 0.00`;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return `${(Math.round(score.value / step) * step).toFixed(decimals)} ± ${step.toFixed(decimals)}`;
}

/**
 * Rows whose worst losses make up one step. With one, a series of bets on eight rows each, every one chosen by the answers
 * before it, proved 1.9 labels a query as weighings find false coins; with six it is down to yes or no, one label a query
 * (test/attacks/evaluator/extraction.test.ts). Usual scores lose nothing: their standard error is about as large.
 */
const rowsOfStep = 6;

/**
 * The finest step of a metric over so many rows: what a few rows can move the shown score by. Without it a file of ever
 * smaller bets on chosen rows has a tiny standard error, and its score spells their labels digit by digit.
 */
export function smallestFeedbackStep(metric: Metric, rows: number): number {
  return (rowsOfStep * (metric.shownWithin?.worstLoss ?? 0)) / Math.max(1, rows);
}

/** The predictions whose score is shown; the same ones where the metric shows all. */
export function shownPredictions(metric: Metric, prediction: Float64Array): Float64Array {
  const range = metric.shownWithin?.range;
  return range === undefined ? prediction : prediction.map((each) => Math.min(range.high, Math.max(range.low, each)));
}

/** The smallest 1, 2 or 5 × 10^k that is at least `error`. */
function gridStep(error: number): number | undefined {
  if (!(error > 0) || !Number.isFinite(error)) return;
  const decade = 10 ** Math.floor(Math.log10(error));
  const factor = [1, 2, 5].find((each) => each * decade >= error * (1 - 1e-12)) ?? 10;
  return factor * decade;
}

/**
 * How clear an improvement must be to be shown in `ladder` mode, in standard errors. Fifty random submissions then gain
 * under three points at 1,000 rows; at 2.5 errors they gained 3.7 (test/attacks/evaluator/probing.test.ts).
 */
const ladderErrors = 3;

/** The best score that a run's agents were shown. */
export type Shown = Score;

/** The Ladder (Blum and Hardt, 2015): a score is shown where it clearly beats the best one shown; else that one is repeated. */
export function ladderText(
  metric: Metric,
  score: Score,
  shown: Shown | undefined,
  smallestStep = 0,
): { readonly text: string; readonly shown: Shown } {
  const gain =
    shown === undefined ? Number.POSITIVE_INFINITY : (score.value - shown.value) * (metric.lowerIsBetter ? -1 : 1);
  const needed = ladderErrors * Math.max(score.standardError, shown?.standardError ?? 0, smallestStep);
  if (shown === undefined || gain > needed)
    return { text: feedbackText(score, 'quantised', smallestStep), shown: score };
  return {
    text: `not clearly better than ${feedbackText(shown, 'quantised', smallestStep)}, the best shown so far`,
    shown,
  };
}

/** Within this of the best value there is, a score is called perfect. */
const perfectTolerance = 1e-9;

/** Why a score is quarantined, or undefined where it is believable. */
export function implausibility(metric: Metric, value: number, plausible?: number): string | undefined {
  if (Math.abs(value - metric.perfect) <= perfectTolerance) {
    return `the search score is perfect (${metric.name} ${metric.perfect}); check for a leak before trusting it`;
  }
  if (plausible === undefined) return;
  const better = metric.lowerIsBetter ? value < plausible : value > plausible;
  return better ? `the search score is better than the best plausible one of this task (${plausible})` : undefined;
}
