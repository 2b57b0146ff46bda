// The winner's curse (threats): the best of many scores is too good by the luck of having been chosen. What the seal reports
// must be what the chosen candidate is worth.

import { expect, test } from 'vitest';
import { measured } from '../../support/measured.ts';
import { repetitions } from '../../support/thorough.ts';
import { simulateChoice } from '../../support/winners-curse.ts';

const simulations = repetitions(200, 50);
/** Accuracies of about 75 %, a point apart. */
const setting = { candidates: 200, finalists: 10, rows: 1000, meanWorth: 0.75, spreadOfWorth: 0.01 };

test(`over ${simulations} simulated runs of 200 candidates the seal's score is unbiased to a quarter of its standard error`, ({
  task,
}) => {
  const outcomes = Array.from({ length: simulations }, (_, index) => simulateChoice(`curse-${index}`, setting));
  const mean = (of: (each: (typeof outcomes)[number]) => number): number =>
    outcomes.reduce((sum, each) => sum + of(each), 0) / simulations;
  const seal = { luck: mean((each) => each.seal.luck), regret: mean((each) => each.seal.regret) };
  const argmax = { luck: mean((each) => each.argmax.luck), regret: mean((each) => each.argmax.regret) };
  const unmended = mean((each) => each.unmended.luck);
  const standardError = mean((each) => each.seal.standardError);
  measured(
    task,
    `K = ${setting.candidates}, n = ${setting.rows}: search argmax +${argmax.luck.toFixed(2)} points, re-ranked +${unmended.toFixed(2)}, reported ${seal.luck.toFixed(2)} (${(seal.luck / standardError).toFixed(2)} standard errors); regret ${seal.regret.toFixed(2)} points, argmax ${argmax.regret.toFixed(2)}`,
  );
  expect(argmax.luck, 'positive control').toBeGreaterThan(standardError);
  // A mean of few simulations is off by chance as well: three of its errors, which are none in the full number.
  const chance = simulations < 200 ? 3 / Math.sqrt(simulations) : 0;
  expect(Math.abs(seal.luck)).toBeLessThanOrEqual((0.25 + chance) * standardError);
  expect(seal.regret).toBeLessThan(argmax.regret);
});
