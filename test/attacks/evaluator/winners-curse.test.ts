// The winner's curse (threats): the best of many scores is too good by the luck of having been chosen. What the seal reports
// must be what the chosen candidate is worth.

import { expect, test } from 'vitest';
import { findMetric } from '../../../evaluator-node/core/metrics/registry.ts';
import { selectWinner } from '../../../evaluator-node/core/selection.ts';
import { nextFloat, nextNormal, type Rng, seedRng } from '../../../shared/core/rng.ts';
import { measured } from '../../support/measured.ts';
import { repetitions } from '../../support/thorough.ts';

const simulations = repetitions(200, 50);
const candidates = 200;
const finalists = 10;
const rows = 1000;
/** Accuracies of the candidates: about 75 %, a point apart. */
const [meanWorth, spreadOfWorth] = [0.75, 0.01];

/** Labels of 0 and 1 that are right, which is 0, with that probability. */
function predictions(rng: Rng, worth: number): Float64Array {
  return Float64Array.from({ length: rows }, () => Number(nextFloat(rng) >= worth));
}

const share = (labels: Float64Array): number => labels.filter((label) => label === 0).length / labels.length;

interface Outcome {
  /** What is said of the chosen one, less what it is worth, in points. */
  readonly luck: number;
  /** What the best candidate is worth, less what the chosen one is. */
  readonly regret: number;
  readonly standardError: number;
}

function simulate(seed: string): { seal: Outcome; argmax: Outcome; unmended: Outcome } {
  const accuracy = findMetric('accuracy');
  if (accuracy === undefined) throw new Error('no metric accuracy');
  const rng = seedRng(seed);
  const worths = Array.from({ length: candidates }, () => meanWorth + spreadOfWorth * nextNormal(rng));
  const best = Math.max(...worths);
  const searched = worths
    .map((worth) => ({ worth, score: share(predictions(rng, worth)) }))
    .sort((left, right) => right.score - left.score);
  const chosen = searched.slice(0, finalists);
  const contenders = chosen.map(({ worth }, index) => {
    return { candidateId: String(index), eligible: true, prediction: predictions(rng, worth) };
  });
  const truth = new Float64Array(rows);
  const selection = selectWinner(accuracy, { count: rows, truth, width: 1, classCount: 2 }, contenders, seed);
  const worth = chosen[Number(selection.winnerId)]?.worth ?? Number.NaN;
  const { validationScore = Number.NaN, validationStandardError = Number.NaN } = selection.ranked[0] ?? {};
  const outcome = (said: number, is: number): Outcome => {
    return { luck: 100 * (said - is), regret: 100 * (best - is), standardError: 100 * validationStandardError };
  };
  return {
    seal: outcome(selection.estimate ?? Number.NaN, worth),
    argmax: outcome(searched[0]?.score ?? Number.NaN, searched[0]?.worth ?? Number.NaN),
    unmended: outcome(validationScore, worth),
  };
}

test(`over ${simulations} simulated runs of 200 candidates the seal's score is unbiased to a quarter of its standard error`, ({
  task,
}) => {
  const outcomes = Array.from({ length: simulations }, (_, index) => simulate(`curse-${index}`));
  const mean = (of: (each: (typeof outcomes)[number]) => number): number =>
    outcomes.reduce((sum, each) => sum + of(each), 0) / simulations;
  const seal = { luck: mean((each) => each.seal.luck), regret: mean((each) => each.seal.regret) };
  const argmax = { luck: mean((each) => each.argmax.luck), regret: mean((each) => each.argmax.regret) };
  const unmended = mean((each) => each.unmended.luck);
  const standardError = mean((each) => each.seal.standardError);
  measured(
    task,
    `K = ${candidates}, n = ${rows}: search argmax +${argmax.luck.toFixed(2)} points, re-ranked +${unmended.toFixed(2)}, reported ${seal.luck.toFixed(2)} (${(seal.luck / standardError).toFixed(2)} standard errors); regret ${seal.regret.toFixed(2)} points, argmax ${argmax.regret.toFixed(2)}`,
  );
  expect(argmax.luck, 'positive control').toBeGreaterThan(standardError);
  // A mean of few simulations is off by chance as well: three of its errors, which are none in the full number.
  const chance = simulations < 200 ? 3 / Math.sqrt(simulations) : 0;
  expect(Math.abs(seal.luck)).toBeLessThanOrEqual((0.25 + chance) * standardError);
  expect(seal.regret).toBeLessThan(argmax.regret);
});
