import { expect, test } from 'vitest';
import { nextInt, nextNormal, seedRng } from '../../shared/core/rng.ts';
import { type Graded, selectGraded } from './graded-selection.ts';

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Finalists of the given worth on so many rows, as a grader of mean losses would score them over one set of draws. */
function graded(seed: string, worths: readonly number[], rows = 150): Graded[] {
  const rng = seedRng(seed);
  const losses = worths.map((worth) => Array.from({ length: rows }, () => worth + nextNormal(rng)));
  const draws = Array.from({ length: 100 }, () => Array.from({ length: rows }, () => nextInt(rng, rows)));
  return losses.map((own, index) => ({
    candidateId: `c-${index}`,
    eligible: true,
    value: mean(own),
    replicates: draws.map((drawn) => mean(drawn.map((row) => own[row] ?? 0))),
  }));
}

test('the best is chosen, with how sure that is; quarantined and unscored ones never win', () => {
  const finalists = graded('clear', [0, 1, 1]);
  expect(selectGraded(true, finalists)).toMatchObject({ winnerId: 'c-0', ranked: [{ probabilityBest: 1 }, {}, {}] });
  const barred = finalists.map((each, index) => (index === 0 ? { ...each, eligible: false } : each));
  expect(selectGraded(true, barred).winnerId).not.toBe('c-0');
  expect(selectGraded(true, [{ candidateId: 'c', eligible: true, value: Number.NaN }])).toEqual({
    ranked: [expect.objectContaining({ candidateId: 'c', probabilityBest: 0 })],
  });
});

test('without replicates of all there is neither an interval nor a score without luck', () => {
  const [first, second] = graded('bare', [0, 1]);
  const { replicates: _, ...bare } = second as Graded;
  const selection = selectGraded(true, [first as Graded, bare]);
  expect(selection).toMatchObject({ winnerId: 'c-0' });
  expect([selection.estimate, selection.interval]).toEqual([undefined, undefined]);
});

test.each([
  ['equal', 0, 10],
  ['equal', 0, 3],
  ['half an error apart', 0.5, 10],
  ['an error and a half apart', 1.5, 10],
] as const)(
  'over 200 runs of finalists that are %s (%d, of %i) the reported score is unbiased to a quarter of its error',
  (_, apart, count) => {
    const rows = 150;
    const trials = Array.from({ length: 200 }, (__, run) => {
      const rng = seedRng(`worth:${run}`);
      const worths = Array.from({ length: count }, () => (apart * nextNormal(rng)) / Math.sqrt(rows));
      const finalists = graded(`luck:${run}:${apart}`, worths, rows);
      const { estimate = Number.NaN, interval, ranked, winnerId = '' } = selectGraded(true, finalists);
      const worth = worths[Number(winnerId.slice(2))] ?? Number.NaN;
      const { low, high } = interval ?? { low: Number.NaN, high: Number.NaN };
      const naive = (ranked[0]?.validationScore ?? Number.NaN) - worth;
      return { naive, error: estimate - worth, inside: Number(worth >= low && worth <= high) };
    });
    const inErrors = (values: readonly number[]): number => mean(values) * Math.sqrt(rows);
    const bias = inErrors(trials.map((trial) => trial.error));
    const naive = inErrors(trials.map((trial) => trial.naive));
    const coverage = mean(trials.map((trial) => trial.inside));
    process.stdout.write(
      `graded, ${count} finalists ${apart} errors apart: bias ${naive.toFixed(2)} before, ${bias.toFixed(2)} after; the 95 % interval holds ${(100 * coverage).toFixed(1)} %\n`,
    );
    expect(Math.abs(bias)).toBeLessThanOrEqual(0.25);
    expect(coverage).toBeGreaterThanOrEqual(0.93);
  },
);
