// The bootstrap over rows: replicates of a metric under multinomial row weights, seeded, the same weights for every
// candidate so that their scores are paired.

import { nextUint32, type Rng, seedRng } from '../../../shared/core/rng.ts';
import type { Prepared } from './metric.ts';

/** 300 replicates estimate a standard error to about 4 %. */
export const defaultReplicates = 300;
/** Most row draws of one bootstrap, about a second of work; larger data gets fewer replicates. */
const drawBudget = 4e7;
const fewestReplicates = 40;

/** Replicates that the draw budget allows. */
export function affordableReplicates(rows: number, candidates: number, wanted: number): number {
  return Math.max(fewestReplicates, Math.min(wanted, Math.floor(drawBudget / Math.max(1, rows * candidates))));
}

/** Replaces `weights` by the counts of as many draws with replacement as there are rows. */
function drawWeights(rng: Rng, weights: Float64Array): void {
  weights.fill(0);
  const scale = weights.length / 2 ** 32;
  for (let draw = 0; draw < weights.length; draw += 1) {
    const row = Math.floor(nextUint32(rng) * scale);
    weights[row] = (weights[row] ?? 0) + 1;
  }
}

/** One array of replicate scores a candidate; NaN where a replicate has no value. */
export function bootstrap(
  candidates: readonly Prepared[],
  rows: number,
  options: { seed: string; replicates: number },
): Float64Array[] {
  const rng = seedRng(options.seed);
  const weights = new Float64Array(rows);
  const scores = candidates.map(() => new Float64Array(options.replicates));
  for (let replicate = 0; replicate < options.replicates; replicate += 1) {
    drawWeights(rng, weights);
    candidates.forEach((prepared, index) => {
      const column = scores[index];
      if (column !== undefined) column[replicate] = prepared(weights);
    });
  }
  return scores;
}

/** Standard deviation of the replicates that have a value; 0 where fewer than two have. */
export function spread(replicates: Float64Array): number {
  const values = replicates.filter(Number.isFinite);
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** The quantile of the replicates that have a value, linear between neighbours. */
export function quantile(replicates: Float64Array, share: number): number {
  const values = replicates.filter(Number.isFinite).sort();
  if (values.length === 0) return Number.NaN;
  const position = share * (values.length - 1);
  const low = Math.floor(position);
  const lower = values[low] ?? Number.NaN;
  const upper = values[Math.min(low + 1, values.length - 1)] ?? Number.NaN;
  return lower + (upper - lower) * (position - low);
}
