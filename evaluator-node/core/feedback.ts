// What an agent may see of a search score, and which scores are too good to believe.

import { nextFloat, nextNormal, seedRng } from '../../shared/core/rng.ts';
import type { Metric } from './metrics/metric.ts';
import type { Score } from './metrics/score.ts';

/** How much of the search score is shown: as far as its noise goes, only clear improvements of the run, or all of it. */
export type FeedbackMode = 'quantised' | 'ladder' | 'exact';

export const feedbackModes: readonly FeedbackMode[] = ['quantised', 'ladder', 'exact'];

/**
 * What blurs a shown score, so that a reply tells at most one label: the same for equal predictions, and unforeseeable
 * without the vault's secret. Made by `blurOf`.
 */
export interface Blur {
  /** A standard normal number. */
  readonly noise: number;
  /** In [0, 1): which of two neighbouring errors is shown. */
  readonly chance: number;
  /** The most that one label moves the score of this task (label-worth.ts). */
  readonly labelWorth: number;
}

/** The blur of one set of predictions, from a number that nobody outside the vault can compute. */
export function blurOf(key: string, labelWorth: number): Blur {
  const rng = seedRng(key);
  return { noise: nextNormal(rng), chance: nextFloat(rng), labelWorth };
}

/**
 * How much noise a shown score has, in standard errors. A score moves by about its standard error with labels that an
 * attacker does not know, so a reply is a channel with a signal of 1 and noise of this: ½ log2(1 + 1 / 0.85²) is 0.63 bits.
 * The rest of a bit is for what the shown error tells and for bets whose luck makes the standard error small
 * (test/attacks/evaluator/reply-information.test.ts measures all of it). An agent sees a score with 1.31 of its errors.
 */
const noiseErrors = 0.85;
/** A file of bets on a few rows has as small an error as it likes; noise is then that of so many labels. */
const labelsOfNoise = 1.25;

/** The score as agents may learn it: moved by noise of most of its error, and no better than perfect. */
function blurred(metric: Metric, score: Score, blur: Blur): Score {
  const standardError = Math.max(score.standardError, labelsOfNoise * blur.labelWorth) || Math.abs(score.value) / 100;
  const moved = score.value + noiseErrors * standardError * blur.noise;
  const value = metric.lowerIsBetter ? Math.max(moved, metric.perfect) : Math.min(moved, metric.perfect);
  return { value: Number.isNaN(value) ? moved : value, standardError };
}

/** The score as text, `0.415 ± 0.01`, as far as the mode shows it. */
export function feedbackText(metric: Metric, score: Score, mode: FeedbackMode, blur: Blur): string {
  if (mode === 'exact') return `${score.value} ± ${score.standardError.toPrecision(2)}`;
  return errorText(blurred(metric, score, blur), blur);
}

/**
 * A blurred score with its whole error, noise included, to half a decade: 1 or 3 × 10^k. Between two of them chance
 * decides, the nearer one more often, because a fixed border would tell on which side of it the labels put the error.
 */
function errorText({ value, standardError }: Score, blur: Blur): string {
  if (!(standardError > 0) || !Number.isFinite(standardError)) return `${value.toFixed(2)} ± 0.00`;
  const halfDecades = Math.floor(2 * Math.log10(standardError * Math.hypot(1, noiseErrors)) + blur.chance);
  const decade = 10 ** Math.floor(halfDecades / 2);
  const [error, step] = halfDecades % 2 === 0 ? [decade, decade / 2] : [3 * decade, decade];
  const decimals = (unit: number): number => Math.max(0, -Math.floor(Math.log10(unit) + 1e-9));
  return `${(Math.round(value / step) * step).toFixed(decimals(step))} ± ${error.toFixed(decimals(error))}`;
}

/** The predictions whose score is shown; the same ones where the metric shows all. */
export function shownPredictions(metric: Metric, prediction: Float64Array, width: number): Float64Array {
  const range = metric.shownWithin;
  if (range === undefined) return prediction;
  const held = prediction.map((each) => Math.min(range.high, Math.max(range.low, each)));
  return metric.sharesOfOne === true ? asShares(held, width) : held;
}

function asShares(values: Float64Array, width: number): Float64Array {
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    const sum = row.reduce((total, value) => total + value, 0);
    row.forEach((value, column) => {
      row[column] = value / sum;
    });
  }
  return values;
}

/**
 * How clear an improvement must be to be shown in `ladder` mode, in standard errors. Fifty random submissions then gain
 * under three points at 1,000 rows; at 2.5 errors they gained 3.7 (test/attacks/evaluator/probing.test.ts).
 */
const ladderErrors = 3;

/** The best score that a run's agents were shown, blurred, and the text they saw. */
export type Shown = Score & { readonly text?: string };

/** The Ladder (Blum and Hardt, 2015): a score is shown where it clearly beats the best one shown; else that one is repeated. */
export function ladderText(
  metric: Metric,
  score: Score,
  shown: Shown | undefined,
  blur: Blur,
): { readonly text: string; readonly shown: Shown } {
  const seen = blurred(metric, score, blur);
  const gain =
    shown === undefined ? Number.POSITIVE_INFINITY : (seen.value - shown.value) * (metric.lowerIsBetter ? -1 : 1);
  if (shown === undefined || gain > ladderErrors * Math.max(seen.standardError, shown.standardError)) {
    const text = errorText(seen, blur);
    return { text, shown: { ...seen, text } };
  }
  // What the ladder starts from has no text yet; it is the trivial baseline's score, which anybody can compute.
  const best = shown.text ?? errorText(shown, { ...blur, chance: 0.5 });
  return { text: `not clearly better than ${best}, the best shown so far`, shown: { ...shown, text: best } };
}

/** Within this of the best value there is, or beyond it, a score is called perfect. */
const perfectTolerance = 1e-9;

/** Why a score is quarantined, or undefined where it is believable. */
export function implausibility(metric: Metric, value: number, plausible?: number): string | undefined {
  if ((metric.lowerIsBetter ? value - metric.perfect : metric.perfect - value) <= perfectTolerance) {
    return `the search score is perfect (${metric.name} ${metric.perfect}); check for a leak before trusting it`;
  }
  if (plausible === undefined) return;
  const better = metric.lowerIsBetter ? value < plausible : value > plausible;
  return better ? `the search score is better than the best plausible one of this task (${plausible})` : undefined;
}
