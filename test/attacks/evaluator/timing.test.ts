// The time of an answer must not tell how right a submission is (threats: timing). The control is a scorer as one would write
// it first, which collects what is wrong: it is told apart at once, and no longer when its answers leave on a tick.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilTick } from '../../../evaluator-node/vault/reply-tick.ts';
import { systemClock } from '../../../shared/clock.ts';
import { nextFloat, nextInt, seedRng } from '../../../shared/core/rng.ts';
import { type AttackedEvaluator, attackEvaluator, probabilityFile } from '../../support/attacked-evaluator.ts';
import { measured } from '../../support/measured.ts';
import { repetitions } from '../../support/thorough.ts';

const rows = 500;
/** Of both kinds together. */
const submissions = repetitions(3000, 600);
/** Of the control behind a tick, which must be longer than a collected answer takes on a busy machine. */
const [heldSubmissions, heldTickMs] = [repetitions(300, 100), 25];
/** Small, so that the test is short; the default is 250. */
const tickMs = 8;
/** Two clocks are read, one after the other. */
const clockMs = 0.1;
const limit = 4.5;
const rng = seedRng('timing');
const labels = Array.from({ length: rows }, () => nextInt(rng, 2));
let evaluator: AttackedEvaluator;

beforeAll(async () => {
  const feedback = 'quantised' as const;
  const task = { name: 'timed', metric: 'log-loss', feedback, search: labels, validation: [0, 1] };
  evaluator = await attackEvaluator([task], tickMs);
});

afterAll(() => evaluator.stop());

/** Probabilities on the right side of one half in every row, or on the wrong side in every row. */
function guess(isRight: boolean): number[] {
  return [...labels, 0, 0].map((label) => {
    const share = 0.6 + 0.35 * nextFloat(rng);
    return (label === 1) === isRight ? share : 1 - share;
  });
}

/** Welch's t of two samples. */
function welch(left: readonly number[], right: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
  const error = (values: readonly number[]): number =>
    values.reduce((sum, each) => sum + (each - mean(values)) ** 2, 0) / (values.length - 1) / values.length;
  return (mean(left) - mean(right)) / Math.sqrt(error(left) + error(right));
}

/** As an attacker would: the slowest twentieth is the machine's doing, and counts as the fastest of it. */
function capped(values: readonly number[], sorted: readonly number[]): number[] {
  const most = sorted[Math.floor(sorted.length * 0.95)] ?? Number.POSITIVE_INFINITY;
  return values.map((each) => Math.min(each, most));
}

interface Timed {
  readonly t: number;
  readonly fastestMs: number;
}

/** Times all-right and all-wrong files in random order, so that a machine that slows down slows both. */
async function timed(count: number, answer: (file: string, index: number) => Promise<void> | void): Promise<Timed> {
  const took: { right: number[]; wrong: number[] } = { right: [], wrong: [] };
  const order = Array.from({ length: count }, (_, index) => index % 2 === 0);
  order.sort(() => nextFloat(rng) - 0.5);
  for (const [index, isRight] of order.entries()) {
    const file = probabilityFile(guess(isRight));
    const startedMs = performance.now();
    await answer(file, index);
    took[isRight ? 'right' : 'wrong'].push(performance.now() - startedMs);
  }
  const all = [...took.right, ...took.wrong].sort((left, right) => left - right);
  return { t: welch(capped(took.right, all), capped(took.wrong, all)), fastestMs: all[0] ?? 0 };
}

/** Collects an error for every row that is wrong. */
function naiveScore(file: string): number {
  const wrong: Error[] = [];
  const lines = file.split('\n').slice(1, -1);
  for (const [row, line] of lines.entries()) {
    const [id = '', , one = ''] = line.split(',');
    if (Number(one) > 0.5 !== (labels[row] === 1)) wrong.push(new Error(`row ${id}: ${one} is wrong`));
  }
  return wrong.length;
}

function words(what: string, count: number, { t, fastestMs }: Timed): string {
  return `${what}: t = ${t.toFixed(2)} over ${count} submissions of ${rows} rows, fastest ${fastestMs.toFixed(1)} ms`;
}

test('a scorer that collects what is wrong is told apart, and behind a tick it is not', async ({ task }) => {
  const naive = await timed(submissions, (file) => void naiveScore(file));
  const held = await timed(heldSubmissions, async (file) => {
    const startedMs = systemClock.monotonicMs();
    naiveScore(file);
    await untilTick(systemClock, heldTickMs, startedMs);
  });
  measured(task, words('naive scorer', submissions, naive));
  measured(task, words(`naive scorer behind a tick of ${heldTickMs} ms`, heldSubmissions, held));
  expect(Math.abs(naive.t), 'positive control').toBeGreaterThan(limit);
  expect(Math.abs(held.t)).toBeLessThan(limit);
});

test(`all-right and all-wrong submissions are answered alike: |t| < ${limit} over ${submissions}`, async ({ task }) => {
  const real = await timed(submissions, async (file, index) => {
    const { result } = await evaluator.submit({ task: 'timed', run: 'timing', candidate: `c${index}` }, file);
    expect(result).toBe('score');
  });
  measured(task, words(`the service with a tick of ${tickMs} ms`, submissions, real));
  expect(Math.abs(real.t)).toBeLessThan(limit);
  expect(real.fastestMs, 'no answer left before the first tick').toBeGreaterThan(tickMs - clockMs);
});
