// How much better the chosen one looks than it is, by the luck of having been chosen by the score that is reported.
//
// The best of several scores is too good by the choice alone (threats.md: 2.7 points in 200 candidates). A bootstrap that takes
// the observed scores for true ones sees too little of that: they lie further apart than the truth does, by noise. So the
// scores are moved together first, by the share of their spread that noise explains (James and Stein, 1961, as empirical
// Bayes); then the choice is made anew in every draw, and what it takes there is better by luck alone than where it was put.
//
// Measured on 2 to 10 finalists that are equal, or apart by 0.3 to 1.5 standard errors, with errors in common or none: what is
// left is within a quarter of a standard error, of up to 1.57 without a correction (selection.test.ts, graded-selection.test.ts).

/** The index of the one to take, given scores; undefined where none can be. */
export type Choose = (scores: readonly number[]) => number | undefined;

export interface Luck {
  /** In units of the score: to be taken off the chosen one's. */
  readonly value: number;
  /** How unsure that is. */
  readonly standardError: number;
}

/** How unsure the luck is, as a share of it: intervals then hold what they should of finalists that differ, and more of equal ones. */
const unsureShare = 0.6;

/** Share of the spread that noise explains that is taken away: with all of it finalists that do differ would be corrected too far. */
const explained = 0.8;

const noLuck: Luck = { value: 0, standardError: 0 };

/**
 * `values` are the scores on all rows, `samples` their bootstrap replicates, paired by place; both by contestant. `alike`
 * are those of which, before their scores were known, none was more likely to be good than another.
 */
export function luckOfChoice(
  values: readonly number[],
  samples: readonly ArrayLike<number>[],
  alike: readonly number[],
  choose: Choose,
): Luck {
  const means = samples.map(meanOf);
  const draws = samples[0]?.length ?? 0;
  const noiseOf = (draw: number): number[] =>
    samples.map((sample, index) => (sample[draw] ?? Number.NaN) - (means[index] ?? Number.NaN));
  const noises = Array.from({ length: draws }, (_, draw) => noiseOf(draw));
  const centers = movedTogether(values, noises, alike);
  let gained = 0;
  let counted = 0;
  for (const noise of noises) {
    const chosen = choose(centers.map((center, index) => center + (noise[index] ?? Number.NaN)));
    const gain = chosen === undefined ? Number.NaN : (noise[chosen] ?? Number.NaN);
    if (!Number.isFinite(gain)) continue;
    gained += gain;
    counted += 1;
  }
  if (counted === 0) return noLuck;
  const value = gained / counted;
  return { value, standardError: Math.abs(value) * unsureShare };
}

/** The scores, those that are alike as close to their mean as the noise between them says. */
function movedTogether(values: readonly number[], noises: readonly number[][], alike: readonly number[]): number[] {
  if (alike.length < 2) return [...values];
  const among = (all: readonly number[]): number[] => alike.map((index) => all[index] ?? Number.NaN);
  const spread = varianceOf(among(values));
  const noise = meanOf(noises.map((each) => varianceOf(among(each))));
  const kept = spread > 0 ? Math.max(0, 1 - (explained * noise) / spread) : 0;
  const middle = meanOf(among(values));
  return values.map((value, index) => (alike.includes(index) ? middle + kept * (value - middle) : value));
}

/** Of those that are numbers. */
function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  let count = 0;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count += 1;
  }
  return sum / count;
}

function varianceOf(values: readonly number[]): number {
  const middle = meanOf(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
