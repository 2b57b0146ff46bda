// Scores that do not go with what else is known: far beyond all others of the run, or far from what the program says of itself.

import type { Evidence, Suspicion } from './evidence.ts';

/** Fewer others say little about what is possible. */
const fewPeers = 5;
/** How much closer to perfect than the best of the others. */
const leap = 10;
const leapErrors = 8;
/** How far from its own report: in standard errors, and as a share of the larger figure. */
const reportErrors = 10;
/** Of scores up to 1; honest cross-validation is off by less. */
const shareOfScores = 0.2;
/** Of errors and losses, which fall a lot from a quick check on few rows to a fit on all. */
const shareOfLosses = 0.6;
const shareOfLossesThatFell = 0.8;

/** Metrics whose best value is known, beside those of errors (0). */
const bestIsOne =
  /^(accuracy|balanced-accuracy|roc-auc|f1|f-beta|f1-.*|average-precision|map-at-k|ndcg-at-k|mcc|qwk|r2|pearson|spearman|kendall-tau|word-jaccard|lwlrap)/;

export function implausibleScore({ metric, lowerIsBetter, score, peers }: Evidence): Suspicion[] {
  const { count, best } = peers;
  if (count < fewPeers || best === undefined) return [];
  const perfect = lowerIsBetter ? 0 : bestIsOne.test(metric) ? 1 : undefined;
  if (perfect === undefined) return [];
  const [distance, before] = [Math.abs(perfect - score.value), Math.abs(perfect - best)];
  const isLeap = before > leap * distance && Math.abs(score.value - best) > leapErrors * score.standardError;
  if (!isLeap) return [];
  const evidence = `${score.value.toPrecision(4)} where the best of ${count} others has ${best.toPrecision(4)}`;
  return [{ kind: 'implausible score', evidence }];
}

/** `cv accuracy: 0.93`, `OOF score = 0.5`; what was measured on the training rows is no claim. */
const report =
  /\b(cv|cross[- ]?val\w*|oof|out[- ]of[- ]fold|hold[- ]?out|valid\w*|val)\b([^\n]{0,40}?)(?<=[\s:=(])(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w%])/gi;

export function farReport({ log, metric, lowerIsBetter, score }: Evidence): Suspicion[] {
  const words = metric.split('-').filter((word) => word.length >= 2);
  let claimed: number | undefined;
  for (const [line, , between = '', figure] of log.matchAll(report)) {
    const text = `${line} ${between}`.toLowerCase();
    const isOfMetric = /score|metric/.test(text) || words.some((word) => text.includes(word));
    if (isOfMetric && !/fold\s*$|epoch|iter|step/.test(between.toLowerCase())) claimed = Number(figure);
  }
  if (claimed === undefined || !Number.isFinite(claimed)) return [];
  // scikit-learn reports errors negated.
  const gap = Math.abs(Math.abs(claimed) - Math.abs(score.value));
  const scale = Math.max(Math.abs(claimed), Math.abs(score.value));
  const fell = lowerIsBetter && Math.abs(score.value) < Math.abs(claimed);
  const share = fell ? shareOfLossesThatFell : lowerIsBetter ? shareOfLosses : shareOfScores;
  if (gap <= Math.max(reportErrors * score.standardError, share * scale)) return [];
  const evidence = `it reports ${claimed} and scores ${score.value.toPrecision(4)} ± ${score.standardError.toPrecision(2)}`;
  return [{ kind: 'report far from the score', evidence }];
}
