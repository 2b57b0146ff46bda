// Final selection: finalists re-ranked by validation score, with a paired bootstrap that says how sure the choice is, and an
// ensemble of them taken only where the validation rows say that it is better beyond noise.
//
// Invariants:
// 1. Contenders and the ensemble were made without the validation split; it judges them once, here.
// 2. The estimate is not the score that chose: see choice-luck.ts.

import { type Luck, luckOfChoice } from './choice-luck.ts';
import { affordableReplicates, bootstrap, quantile, spread } from './metrics/bootstrap.ts';
import type { Metric, Prepared, Rows } from './metrics/metric.ts';
import { scoreRows } from './metrics/score.ts';
import { withPredictions } from './metrics/texts.ts';

/** A candidate to choose among, with its predictions for the validation rows. */
export interface Contender {
  readonly candidateId: string;
  /** False where its search score is quarantined: it is reported and never wins. */
  readonly eligible: boolean;
  readonly prediction: Float64Array;
  /** What predictions are codes of, where the metric takes texts. */
  readonly texts?: readonly string[];
}

interface Ranked {
  readonly candidateId: string;
  readonly validationScore: number;
  readonly validationStandardError: number;
  /** Share of bootstrap replicates in which it beats all other eligible finalists; ties are shared. */
  readonly probabilityBest: number;
}

interface JudgedEnsemble {
  readonly validationScore: number;
  readonly validationStandardError: number;
  /** Share of paired replicates in which it beats the best single finalist; ties count half. */
  readonly probabilityBetter: number;
  /** True where it was taken. */
  readonly selected: boolean;
}

export interface Selection {
  /** Best validation score first; those without one come last. */
  readonly ranked: readonly Ranked[];
  /** The best single finalist. */
  readonly winnerId?: string;
  readonly ensemble?: JudgedEnsemble;
  /** What the taken one, winner or ensemble, is worth: its validation score without the luck of the choice. */
  readonly estimate?: number;
  /** 95 % percentile interval about the estimate. */
  readonly interval?: { readonly low: number; readonly high: number };
}

/** 1,000 replicates give the ends of a 95 % interval to a few per cent of its width. */
const selectionReplicates = 1000;
/** How sure the validation rows must be that the ensemble is better: beyond noise, without asking for the impossible. */
const ensembleProbability = 0.9;
/** The normal quantile of that, for choices on a part of the rows. */
const ensembleMargin = 1.2816;

interface Scored {
  readonly candidateId: string;
  readonly eligible: boolean;
  readonly prepared: Prepared;
  readonly value: number;
}

/** Chooses among the contenders, given in order of their search score, which also breaks ties, and their ensemble. */
export function selectWinner(
  metric: Metric,
  validation: Omit<Rows, 'prediction'>,
  contenders: readonly Contender[],
  seed: string,
  ensemble?: Float64Array,
): Selection {
  const scored = contenders.map((contender) => scoreContender(metric, validation, contender, seed));
  const blended =
    ensemble === undefined
      ? []
      : [scoreContender(metric, validation, { candidateId: '', eligible: true, prediction: ensemble }, seed)];
  const all = [...scored, ...blended];
  const replicates = affordableReplicates(validation.count, all.length, selectionReplicates);
  const prepared = all.map((each) => each.prepared);
  const samples = bootstrap(prepared, validation.count, { seed, replicates });
  const order = orderOf(metric, scored);
  const ranked = rankedOf(metric, scored, order, samples.slice(0, scored.length));
  const winner = order.find((index) => isChoosable(scored[index]));
  if (winner === undefined) return { ranked };
  const judged = judge(metric, { scored, winner, samples, blended: blended[0] });
  const taken = judged?.selected === true ? scored.length : winner;
  const luck = luckOfChoice(
    all.map((each) => each.value),
    samples,
    [...scored.keys()].filter((index) => isChoosable(scored[index])),
    (scores) => chooseFrom(metric, scored, scores, judged?.differenceError),
  );
  const value = all[taken]?.value ?? Number.NaN;
  return {
    ranked,
    winnerId: scored[winner]?.candidateId ?? '',
    ...(judged === undefined ? {} : { ensemble: judged.ensemble }),
    estimate: value - luck.value,
    interval: intervalOf(samples[taken] ?? new Float64Array(), value, luck),
  };
}

/**
 * How much wider intervals are than their percentiles: as Student's with 28 degrees of freedom, which is what 200 squared
 * normal errors amount to. Without it they hold 93 to 94 % of what they should.
 */
export const studentised = 1.05;

/** The percentile interval, moved to the estimate and widened by what the luck is not sure of. */
function intervalOf(sample: Float64Array, value: number, luck: Luck): { low: number; high: number } {
  const error = spread(sample);
  const wider = studentised * (error > 0 ? Math.hypot(1, luck.standardError / error) : 1);
  const end = (share: number): number => value - luck.value + wider * (quantile(sample, share) - value);
  return { low: end(0.025), high: end(0.975) };
}

function scoreContender(
  metric: Metric,
  validation: Omit<Rows, 'prediction'>,
  contender: Contender,
  seed: string,
): Scored {
  const rows = withPredictions(validation, contender.prediction, contender.texts);
  const score = scoreRows(metric, rows, seed);
  const { candidateId, eligible } = contender;
  return { candidateId, eligible, prepared: metric.prepare(rows), value: score.ok ? score.value.value : Number.NaN };
}

function isChoosable(scored: Scored | undefined): boolean {
  return scored?.eligible === true && Number.isFinite(scored.value);
}

function orderOf(metric: Metric, scored: readonly Scored[]): number[] {
  return scored
    .map((_, index) => index)
    .sort((left, right) => compareScores(metric, scored[left]?.value, scored[right]?.value) || left - right);
}

function rankedOf(
  metric: Metric,
  scored: readonly Scored[],
  order: readonly number[],
  samples: readonly Float64Array[],
): Ranked[] {
  const shares = bestShares(metric, samples, scored.map(isChoosable));
  return order.map((index) => ({
    candidateId: scored[index]?.candidateId ?? '',
    validationScore: scored[index]?.value ?? Number.NaN,
    validationStandardError: spread(samples[index] ?? new Float64Array()),
    probabilityBest: shares[index] ?? 0,
  }));
}

/** The ensemble beside the best single finalist, replicate by replicate. */
function judge(
  metric: Metric,
  found: {
    readonly scored: readonly Scored[];
    readonly winner: number;
    readonly samples: readonly Float64Array[];
    readonly blended: Scored | undefined;
  },
): { ensemble: JudgedEnsemble; selected: boolean; differenceError: number } | undefined {
  const { scored, winner, samples, blended } = found;
  if (blended === undefined || !Number.isFinite(blended.value)) return;
  const single = samples[winner] ?? new Float64Array();
  const sample = samples[scored.length] ?? new Float64Array();
  const differences = sample.map((value, replicate) => value - (single[replicate] ?? Number.NaN));
  let better = 0;
  let counted = 0;
  differences.forEach((_, replicate) => {
    const order = compareScores(metric, sample[replicate], single[replicate]);
    if (!Number.isFinite(differences[replicate])) return;
    counted += 1;
    if (order < 0) better += 1;
    else if (order === 0) better += 0.5;
  });
  const probabilityBetter = counted === 0 ? 0 : better / counted;
  const selected = probabilityBetter >= ensembleProbability;
  return {
    ensemble: {
      validationScore: blended.value,
      validationStandardError: spread(sample),
      probabilityBetter,
      selected,
    },
    selected,
    differenceError: spread(differences),
  };
}

/** The whole choice on some of the rows: the best single one, or the ensemble (the last score) where it is clearly better. */
function chooseFrom(
  metric: Metric,
  scored: readonly Scored[],
  scores: readonly number[],
  differenceError: number | undefined,
): number | undefined {
  let best: number | undefined;
  scored.forEach((each, index) => {
    if (!isChoosable(each) || !Number.isFinite(scores[index])) return;
    if (best === undefined || compareScores(metric, scores[index], scores[best]) < 0) best = index;
  });
  if (best === undefined || differenceError === undefined) return best;
  const gain = ((scores[scored.length] ?? Number.NaN) - (scores[best] ?? Number.NaN)) * (metric.lowerIsBetter ? -1 : 1);
  return gain > 0 && gain >= ensembleMargin * differenceError ? scored.length : best;
}

/** Negative where the left score is better; scores that are no number come last. */
function compareScores(metric: Metric, left = Number.NaN, right = Number.NaN): number {
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  return metric.lowerIsBetter ? left - right : right - left;
}

function bestShares(metric: Metric, samples: readonly Float64Array[], eligible: readonly boolean[]): number[] {
  const wins = samples.map(() => 0);
  const replicates = samples[0]?.length ?? 0;
  for (let replicate = 0; replicate < replicates; replicate += 1) {
    let best: number[] = [];
    let bestScore = Number.NaN;
    samples.forEach((sample, index) => {
      const score = sample[replicate] ?? Number.NaN;
      if (!eligible[index] || Number.isNaN(score)) return;
      const order = compareScores(metric, score, bestScore);
      if (order < 0) {
        best = [index];
        bestScore = score;
      } else if (order === 0) best.push(index);
    });
    for (const index of best) wins[index] = (wins[index] ?? 0) + 1 / best.length;
  }
  // Thirds and sevenths do not add up to whole numbers; no share is above 1 for that.
  return wins.map((won) => Math.min(1, won / Math.max(1, replicates)));
}
