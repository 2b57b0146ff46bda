// Spelling out hidden labels through log loss (threats: probing the score). In full precision one query proves as many labels
// as a double has digits for; held back by steps, it must prove at most one, also where each query is chosen by the answers
// to all queries before it, until the budget of a line of candidates is used.
//
// The attacker bets on a block of rows, keeps every labelling that fits all answers, and takes of many random bets the one
// whose answers would tell most: that finds false coins with a balance, and beats yes-or-no questions wherever an answer has
// more than two outcomes. Rows proved before serve as counterweights.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FeedbackMode, feedbackText, smallestFeedbackStep } from '../../../evaluator-node/core/feedback.ts';
import { logLoss } from '../../../evaluator-node/core/metrics/log-loss.ts';
import { nextFloat, nextInt, type Rng, seedRng } from '../../../shared/core/rng.ts';
import { type AttackedEvaluator, attackEvaluator, probabilityFile } from '../../support/attacked-evaluator.ts';
import { measured } from '../../support/measured.ts';
import { repetitions } from '../../support/thorough.ts';

const rows = 5000;
/** Scores that a line of candidates may learn; the series uses all of them. */
const budget = repetitions(160, 40);
/** Rows that the bets of a series are on, until they are proved. */
const blockRows = 8;
/** Random bets among which the attacker chooses. */
const bets = 40;
const secret = Array.from(
  { length: rows },
  (
    (rng) => () =>
      nextInt(rng, 2)
  )(seedRng('secret')),
);
const modes = ['exact', 'quantised', 'ladder'] as const;
let evaluator: AttackedEvaluator;

beforeAll(async () => {
  const queries = { lineage: budget };
  evaluator = await attackEvaluator(
    modes.map((feedback) => {
      return { name: feedback, metric: 'log-loss', feedback, search: secret, validation: [0, 1], queries };
    }),
  );
});

afterAll(() => evaluator.stop());

/** Sum of the losses and of their squares. */
interface Sums {
  readonly losses: number;
  readonly squares: number;
}

/** The stakes of a query as the attacker sees them: sums of what is certain, and of each labelling of the block. */
interface Query {
  readonly probabilities: readonly number[];
  readonly texts: readonly string[];
}

const held = (probability: number): number => Math.min(0.999, Math.max(0.001, probability));
const lossOf = (probability: number, label: number): number => -Math.log(label === 1 ? probability : 1 - probability);

/** The score in a feedback text, without the last digits, in which the order of a sum shows. */
function readable(text: string): string {
  return Number(text.split(' ')[0]).toPrecision(9);
}

/** What the service would show; everything in it is public. */
function foreseen({ losses, squares }: Sums, mode: FeedbackMode): string {
  const value = losses / rows;
  const standardError = Math.sqrt(Math.max(0, squares - rows * value * value) / (rows - 1) / rows);
  return readable(feedbackText({ value, standardError }, mode, smallestFeedbackStep(logLoss, rows)));
}

/** Sums of every labelling of the block, as a Gray code would walk them. */
function sumsOf(block: readonly number[], certain: Sums): Sums[] {
  let sums: Sums[] = [certain];
  for (const probability of block) {
    const [zero, one] = [lossOf(probability, 0), lossOf(probability, 1)];
    const added = (loss: number) => (each: Sums) => {
      return { losses: each.losses + loss, squares: each.squares + loss * loss };
    };
    sums = [...sums.map(added(zero)), ...sums.map(added(one))];
  }
  return sums;
}

/** A random bet on the rows from `first` on, with up to forty of the rows before it as counterweights. */
function betOn(first: number, mode: FeedbackMode, rng: Rng): Query {
  const style = nextInt(rng, 3);
  const stake = (): number => {
    if (style === 0) return [0.001, 0.5, 0.999][nextInt(rng, 3)] ?? 0.5;
    if (style === 1) return nextInt(rng, 2) === 0 ? 0.001 : 0.999;
    const share = Math.exp(-6.9 * nextFloat(rng));
    return held(nextInt(rng, 2) === 0 ? share : 1 - share);
  };
  const block = Array.from({ length: blockRows }, stake);
  const weights = Math.min(first, nextInt(rng, 41));
  const weight = held(nextFloat(rng));
  const certain = { losses: 0, squares: 0 };
  const probabilities = secret.map((label, row) => {
    if (row >= first && row < first + blockRows) return block[row - first] ?? 0.5;
    const probability = row < weights ? (label === 1 ? weight : 1 - weight) : 0.5;
    const loss = lossOf(probability, label);
    certain.losses += loss;
    certain.squares += loss * loss;
    return probability;
  });
  return { probabilities, texts: sumsOf(block, certain).map((sums) => foreseen(sums, mode)) };
}

/** How many bits the answer would tell of the labellings that are left. */
function bitsTold({ texts }: Query, left: readonly number[]): number {
  const counts = new Map<string, number>();
  for (const labelling of left) counts.set(texts[labelling] ?? '', (counts.get(texts[labelling] ?? '') ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / left.length) * Math.log2(count / left.length);
  return bits;
}

/** Labels proved by each query, in the mean over a line's whole budget. */
async function series(mode: FeedbackMode, most: number): Promise<{ queries: number; labels: number }> {
  const rng = seedRng(`series:${mode}`);
  let left = Array.from({ length: 2 ** blockRows }, (_, labelling) => labelling);
  let first = 0;
  let queries = 0;
  for (; queries < most; queries += 1) {
    let best = betOn(first, mode, rng);
    for (let bet = 1; bet < bets; bet += 1) {
      const other = betOn(first, mode, rng);
      if (bitsTold(other, left) > bitsTold(best, left)) best = other;
    }
    const parents = queries === 0 ? [] : [`q${queries - 1}`];
    const about = { task: mode, run: `series-${mode}`, candidate: `q${queries}`, parents };
    const { score } = await evaluator.submit(about, probabilityFile([...best.probabilities, 0.5, 0.5]));
    const told = score?.feedback ?? '';
    if (told.startsWith('withheld')) break;
    // A ladder that repeats an earlier score tells nothing that this attacker knows how to use.
    if (told.startsWith('not clearly')) continue;
    left = left.filter((labelling) => best.texts[labelling] === readable(told));
    expect(left.length, 'the true labelling fits').toBeGreaterThan(0);
    if (left.length > 1) continue;
    first += blockRows;
    left = Array.from({ length: 2 ** blockRows }, (_, labelling) => labelling);
  }
  return { queries, labels: first };
}

test(`log loss at n = 5,000 proves at most one label a query, adaptively and over a line's whole budget`, async ({
  task,
}) => {
  const exact = await series('exact', 4);
  const quantised = await series('quantised', budget + 1);
  const ladder = await series('ladder', budget + 1);
  for (const [mode, { labels, queries }] of Object.entries({ exact, quantised, ladder })) {
    measured(task, `${mode}: ${labels} labels proved by ${queries} adaptive queries`);
  }
  expect(exact.labels / exact.queries, 'positive control').toBe(blockRows);
  expect(quantised.queries, 'the whole budget').toBe(budget);
  expect(quantised.labels / quantised.queries).toBeLessThanOrEqual(1);
  expect(ladder.labels / ladder.queries).toBeLessThanOrEqual(1);
});
