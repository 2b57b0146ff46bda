// Learning the hidden labels from the scores that agents are shown (threats: probing the score). Each attack has a
// positive control: the same attack against exact feedback must succeed.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FeedbackMode } from '../../../evaluator-node/core/feedback.ts';
import { nextFloat, nextInt, type Rng, seedRng } from '../../../shared/core/rng.ts';
import { type AttackedEvaluator, attackEvaluator, labelFile } from '../../support/attacked-evaluator.ts';
import { measured } from '../../support/measured.ts';
import { repetitions } from '../../support/thorough.ts';

const boostRows = 1000;
const rng = seedRng('labels');
const bits = (count: number, from: Rng = rng): number[] => Array.from({ length: count }, () => nextInt(from, 2));
const search = bits(boostRows);
const validation = bits(boostRows);
let evaluator: AttackedEvaluator;

beforeAll(async () => {
  const boosted = (['exact', 'quantised', 'ladder'] as const).map((feedback) => {
    return { name: `accuracy-${feedback}`, metric: 'accuracy', feedback, search, validation };
  });
  const budgeted = { name: 'budgeted', metric: 'accuracy', feedback: 'quantised' as const, search, validation };
  const lined = { ...budgeted, name: 'lined', queries: { lineage: 3 } };
  evaluator = await attackEvaluator([...boosted, { ...budgeted, queries: { run: 3 } }, lined]);
});

afterAll(() => evaluator.stop());

/** Repetitions of an attack, whose mean is judged; each has another run and other guesses. */
const repeats = repetitions(10, 5);
const queries = 50;

/** The number that a feedback text shows of this submission, where it shows one. */
function shownScore(feedback = ''): number | undefined {
  const value = Number(feedback.split(' ')[0]);
  return Number.isFinite(value) ? value : undefined;
}

type Attack = (ask: (guess: readonly number[]) => Promise<number | undefined>, from: Rng) => Promise<number[]>;

/** Wacky boosting: the majority of the random guesses that were shown to be better than chance. */
const boost: Attack = async (ask, from) => {
  const votes = new Float64Array(boostRows * 2);
  for (let query = 0; query < queries; query += 1) {
    const guess = bits(boostRows * 2, from);
    const shown = await ask(guess);
    const sign = shown === undefined || shown === 0.5 ? 0 : Math.sign(shown - 0.5);
    guess.forEach((label, row) => {
      votes[row] = (votes[row] ?? 0) + sign * (label - 0.5);
    });
  }
  return Array.from(votes, (vote) => (vote === 0 ? nextInt(from, 2) : Number(vote > 0)));
};

/** Hill climbing: a tenth of the rows changes at a time, and a change stays where the score is shown to be better. */
const climb: Attack = async (ask, from) => {
  let best = bits(boostRows * 2, from);
  let bestShown = (await ask(best)) ?? 0;
  for (let query = 1; query < queries; query += 1) {
    const changed = best.map((label) => (nextFloat(from) < 0.1 ? 1 - label : label));
    const shown = await ask(changed);
    if (shown === undefined || shown <= bestShown) continue;
    best = changed;
    bestShown = shown;
  }
  return best;
};

/** Mean points above chance on search and validation over the repetitions. */
async function gain(attack: Attack, feedback: FeedbackMode): Promise<{ search: number; validation: number }> {
  const gained = { search: 0, validation: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const from = seedRng(`${attack.name}:${feedback}:${repeat}`);
    const about = { task: `accuracy-${feedback}`, run: `${attack.name}-${feedback}-${repeat}` };
    let asked = 0;
    const ask = async (guess: readonly number[]): Promise<number | undefined> => {
      const parents = asked === 0 ? [] : [`q${asked}`];
      asked += 1;
      const { score } = await evaluator.submit({ ...about, candidate: `q${asked}`, parents }, labelFile(guess));
      return shownScore(score?.feedback);
    };
    const final = await attack(ask, from);
    const right = (truth: readonly number[], offset: number): number =>
      truth.filter((label, row) => label === final[row + offset]).length / truth.length;
    gained.search += ((right(search, 0) - 0.5) * 100) / repeats;
    gained.validation += ((right(validation, boostRows) - 0.5) * 100) / repeats;
  }
  return gained;
}

/** Two standard errors of a mean of independent validation scores, in points. */
const twoErrors = (2 * 100 * 0.5) / Math.sqrt(boostRows * repeats);

test.for([
  ['wacky boosting', boost],
  ['hill climbing', climb],
] as const)(
  '%s: 50 queries of a line gain at most 3 points in ladder mode, and none on validation',
  async ([_, attack], { task }) => {
    const exact = await gain(attack, 'exact');
    const ladder = await gain(attack, 'ladder');
    measured(
      task,
      `n = ${boostRows}, k = ${queries}: search +${exact.search.toFixed(1)} exact, ${ladder.search.toFixed(1)} ladder; validation ${ladder.validation.toFixed(2)} (two errors: ${twoErrors.toFixed(2)})`,
    );
    expect(exact.search, 'positive control').toBeGreaterThan(3);
    expect(ladder.search).toBeLessThanOrEqual(3);
    expect(Math.abs(ladder.validation)).toBeLessThanOrEqual(twoErrors);
  },
);

test('seed hunting: equal predictions in other files give the known answer and cost no query', async () => {
  const about = { task: 'budgeted', run: 'seeds' };
  const guess = bits(boostRows * 2);
  const file = labelFile(guess);
  const first = await evaluator.submit({ ...about, candidate: 'first' }, file);
  const [header = '', ...lines] = file.trimEnd().split('\n');
  const same = [
    `${[header, ...lines.toReversed()].join('\n')}\n`,
    file.replaceAll('\n', '\r\n'),
    file.replaceAll(/,(\d)\n/g, ',$1.0\n'),
    file.replaceAll(/r(\d+),/g, '"r$1",'),
    file.trimEnd(),
  ];
  for (const [index, variant] of same.entries()) {
    const answer = await evaluator.submit({ ...about, candidate: `same-${index}` }, variant);
    expect(answer).toMatchObject({ cached: true, score: first.score });
  }
  // The budget of this task is three scores: the first one, two more, and no fourth.
  for (const left of [2, 1, 0]) {
    const changed = guess.map((label, row) => (row === left ? 1 - label : label));
    const answer = await evaluator.submit({ ...about, candidate: `new-${left}` }, labelFile(changed));
    expect(answer.refusal?.error ?? answer.result).toBe(left === 0 ? 'SUBMISSION_ERROR_QUERY_BUDGET' : 'score');
  }
});

test('a line of candidates that has used its scores goes on being ranked, and its agents see no more of them', async () => {
  const told: (string | undefined)[] = [];
  for (let generation = 0; generation < 5; generation += 1) {
    const parents = generation === 0 ? [] : [`g${generation - 1}`];
    const about = { task: 'lined', run: 'line', candidate: `g${generation}`, parents };
    const { score } = await evaluator.submit(about, labelFile(bits(boostRows * 2)));
    expect(score?.value).toBeGreaterThan(0.4);
    told.push(score?.feedback);
  }
  expect(told.map((text) => /^withheld/.test(text ?? ''))).toEqual([false, false, false, true, true]);
  const stranger = { task: 'lined', run: 'line', candidate: 'draft' };
  expect((await evaluator.submit(stranger, labelFile(bits(boostRows * 2)))).score?.feedback).not.toMatch(/withheld/);
});
