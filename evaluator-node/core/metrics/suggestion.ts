// What a metric that is not known was probably meant to be: by other names that people give it, or by its spelling.

import { editDistance } from '../../../shared/core/edit-distance.ts';
import { findMetric, metricNames } from './registry.ts';

/** Names of other libraries, papers and competitions. Two names, where it depends on the target. */
const aliases: Readonly<Record<string, string>> = {
  auc: 'roc-auc',
  auroc: 'roc-auc',
  'auc-roc': 'roc-auc',
  logloss: 'log-loss',
  'binary-logloss': 'log-loss',
  'multi-logloss': 'log-loss',
  'cross-entropy': 'log-loss',
  f1: 'f1-binary for two classes, or f1-macro for several',
  'f1-score': 'f1-binary for two classes, or f1-macro for several',
  'macro-f1': 'f1-macro',
  'f1-score-macro': 'f1-macro',
  'micro-f1': 'f1-micro',
  'f1-score-micro': 'f1-micro',
  'binary-f1': 'f1-binary',
  'f0.5-score': 'f0.5',
  'f2-score': 'f2',
  acc: 'accuracy',
  mse: 'rmse',
  'mean-absolute-error': 'mae',
  'mean-squared-error': 'rmse',
  'root-mean-squared-error': 'rmse',
  'r-squared': 'r2',
  kappa: 'qwk',
  'cohen-kappa': 'qwk',
  'quadratic-kappa': 'qwk',
  'weighted-kappa': 'qwk',
  'quadratic-weighted-kappa': 'qwk',
  matthews: 'mcc',
  kendall: 'kendall-tau',
  pinball: 'quantile-loss-0.5',
  ap: 'average-precision',
  'pr-auc': 'average-precision',
  jaccard: 'word-jaccard',
  iou: 'mean-iou',
  kl: 'kl-divergence',
};

/** `map@5` and `ndcg_10` are said with `-at-` here. */
const ranked = /^(map|ndcg)-?(?:@|at-?|k-?)?-?(\d+)$/;

/** What is meant, fit for `Did you mean …?`; undefined where nothing is near enough. */
export function suggestedMetric(name: string): string | undefined {
  const wanted = name
    .toLowerCase()
    .trim()
    .replace(/[_\s]+/g, '-');
  const alias = Object.hasOwn(aliases, wanted) ? aliases[wanted] : undefined;
  if (alias !== undefined) return alias;
  const [, family, place] = ranked.exec(wanted) ?? [];
  const atPlace = `${family}-at-${place}`;
  if (findMetric(atPlace) !== undefined) return atPlace;
  let best: { name: string; distance: number } | undefined;
  for (const candidate of metricNames) {
    const distance = editDistance(wanted, candidate);
    if (best === undefined || distance < best.distance) best = { name: candidate, distance };
  }
  return best !== undefined && best.distance <= Math.max(1, wanted.length / 3) ? best.name : undefined;
}

/** The suggestion, where there is one, before the list of all: that is long, and what comes after it is not read. */
export function metricRemedy(name: string): string {
  const suggested = suggestedMetric(name);
  const hint = suggested === undefined ? '' : `Did you mean ${suggested}? `;
  return `${hint}Known are ${metricNames.join(', ')}`;
}
