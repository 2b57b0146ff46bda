// Every metric by its name, and the families whose names hold a number.

import { accuracy } from './accuracy.ts';
import { angularError } from './angular-error.ts';
import { averagePrecision } from './average-precision.ts';
import { balancedAccuracy } from './balanced-accuracy.ts';
import { f1Binary, f2, fHalf } from './f-beta.ts';
import { f1Macro } from './f1-macro.ts';
import { f1Micro } from './f1-micro.ts';
import { f1Samples, f1SetsMicro } from './f1-sets.ts';
import { haversine } from './haversine.ts';
import { kendallTau } from './kendall-tau.ts';
import { klDivergence } from './kl-divergence.ts';
import { laplaceLogLikelihood } from './laplace-log-likelihood.ts';
import { levenshtein, levenshteinNormalised, tokenErrorRate } from './levenshtein.ts';
import { logLoss } from './log-loss.ts';
import { logLossMultiLabel } from './log-loss-multi-label.ts';
import { lwlrap } from './lwlrap.ts';
import { mae } from './mae.ts';
import { mapAtK } from './map-at-k.ts';
import { mape } from './mape.ts';
import { dice, diceGlobal, meanIou } from './masks.ts';
import { mcc } from './mcc.ts';
import { mcrmse, mcrmsle } from './mcrmse.ts';
import { medae } from './medae.ts';
import type { Metric } from './metric.ts';
import { ndcgAtK } from './ndcg-at-k.ts';
import { pearson } from './pearson.ts';
import { quantileLoss } from './quantile-loss.ts';
import { qwk } from './qwk.ts';
import { r2 } from './r2.ts';
import { rmse } from './rmse.ts';
import { rmsle } from './rmsle.ts';
import { rocAuc } from './roc-auc.ts';
import { rocAucColumnMean, rocAucOvr } from './roc-auc-many.ts';
import { smape } from './smape.ts';
import { spearman } from './spearman.ts';
import { spearmanColumnMean } from './spearman-column-mean.ts';
import { topKError } from './top-k-error.ts';
import { wordJaccard } from './word-jaccard.ts';

/** A family of metrics: a name with a number in it. */
interface Family {
  readonly pattern: RegExp;
  readonly make: (parameter: number) => Metric;
  /** Those that are listed; others of the family are found all the same. */
  readonly usual: readonly number[];
}

const families: readonly Family[] = [
  { pattern: /^map-at-([1-9]\d{0,2})$/, make: mapAtK, usual: [3, 5, 12] },
  { pattern: /^ndcg-at-([1-9]\d{0,2})$/, make: ndcgAtK, usual: [5, 10] },
  { pattern: /^quantile-loss-(0\.\d{0,3}[1-9])$/, make: quantileLoss, usual: [0.1, 0.5, 0.9] },
  { pattern: /^top-([1-9]\d{0,2})-error$/, make: topKError, usual: [1, 3, 5] },
];

const metrics: readonly Metric[] = [
  accuracy,
  angularError,
  averagePrecision,
  balancedAccuracy,
  f1Binary,
  f2,
  fHalf,
  f1Macro,
  f1Micro,
  f1Samples,
  f1SetsMicro,
  haversine,
  kendallTau,
  klDivergence,
  laplaceLogLikelihood,
  levenshtein,
  levenshteinNormalised,
  tokenErrorRate,
  logLoss,
  logLossMultiLabel,
  lwlrap,
  mae,
  mape,
  dice,
  diceGlobal,
  meanIou,
  mcc,
  mcrmse,
  mcrmsle,
  medae,
  pearson,
  qwk,
  r2,
  rmse,
  rmsle,
  rocAuc,
  rocAucColumnMean,
  rocAucOvr,
  smape,
  spearman,
  spearmanColumnMean,
  wordJaccard,
  ...families.flatMap(({ make, usual }) => usual.map(make)),
];

/** Names of all metrics, sorted. */
export const metricNames: readonly string[] = metrics.map((metric) => metric.name).sort();

/** Every metric that has a name of its own, and the usual ones of each family, by name. */
export const listedMetrics: readonly Metric[] = metrics.toSorted((left, right) => (left.name < right.name ? -1 : 1));

/** The metric of that name, where there is one. */
export function findMetric(name: string): Metric | undefined {
  const listed = metrics.find((metric) => metric.name === name);
  if (listed !== undefined) return listed;
  for (const { pattern, make } of families) {
    const parameter = pattern.exec(name)?.[1];
    if (parameter !== undefined) return make(Number(parameter));
  }
  return;
}
