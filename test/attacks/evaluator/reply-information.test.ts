// How much one reply tells of the labels (threats: probing the score), for metrics of every family, by the code that writes
// replies. The attacker knows the program, how often each answer occurs and some of the rows, and bets on the others; what
// is measured is the information between the labels and the text, in bits: the most that any decoder can get out of it.
// One label of two values is one bit. An honest improvement must be seen all the same.

import { expect, test } from 'vitest';
import { blurOf, feedbackText, shownPredictions } from '../../../evaluator-node/core/feedback.ts';
import { labelWorth, worthUnder } from '../../../evaluator-node/core/label-worth.ts';
import type { Metric, Rows } from '../../../evaluator-node/core/metrics/metric.ts';
import { findMetric } from '../../../evaluator-node/core/metrics/registry.ts';
import { type Score, scoreRows } from '../../../evaluator-node/core/metrics/score.ts';
import { nextFloat, nextInt, nextNormal, type Rng, seedRng, shuffle } from '../../../shared/core/rng.ts';
import { measured } from '../../support/measured.ts';
import { informationOf, type Replies, repliesTo } from '../../support/replies.ts';
import { patienceMs, repetitions } from '../../support/thorough.ts';

interface Case {
  readonly metric: string;
  /** Rows of the thorough level, where they are not all three sizes. */
  readonly rows?: readonly number[];
  /** The answers that occur, with their shares. */
  readonly answers: readonly (readonly [answer: number, share: number])[];
  /** Prediction columns, where there are several; each row's answer is repeated, or is a class. */
  readonly width?: number;
  readonly columnWeights?: readonly number[];
}

const halves = [
  [0, 0.5],
  [1, 0.5],
] as const;
const rare = [
  [0, 0.9],
  [1, 0.1],
] as const;
const few = [
  [0, 0.25],
  [1, 0.25],
  [2, 0.25],
  [5, 0.25],
] as const;
const classes = [
  [0, 0.4],
  [1, 0.4],
  [2, 0.2],
] as const;

const quick: readonly Case[] = [
  { metric: 'accuracy', answers: halves },
  { metric: 'roc-auc', answers: halves },
  { metric: 'roc-auc', answers: rare },
  { metric: 'f1-binary', answers: halves },
  { metric: 'log-loss', answers: halves, width: 2 },
  { metric: 'log-loss', answers: classes, width: 3 },
  { metric: 'log-loss-multi-label', answers: halves, width: 2, columnWeights: [3, 1] },
  { metric: 'mae', answers: halves },
  { metric: 'mae', answers: few },
  { metric: 'rmse', answers: halves },
  { metric: 'rmse', answers: few },
];
/** A metric whose error is a bootstrap costs 300 times as much, and few rows tell the most: they are tried on the smallest size. */
const few200 = { rows: [200] } as const;
const others: readonly Case[] = [
  { metric: 'accuracy', answers: classes },
  { metric: 'balanced-accuracy', ...few200, answers: rare },
  { metric: 'f1-binary', ...few200, answers: rare },
  { metric: 'f1-macro', ...few200, answers: classes },
  { metric: 'mcc', ...few200, answers: halves },
  { metric: 'qwk', ...few200, answers: few.map(([, share], index) => [index, share] as const) },
  { metric: 'average-precision', ...few200, answers: rare },
  { metric: 'log-loss', answers: rare, width: 2 },
  { metric: 'rmsle', answers: few },
  { metric: 'r2', ...few200, answers: halves },
  { metric: 'medae', ...few200, answers: few },
  { metric: 'smape', answers: few },
  { metric: 'pearson', ...few200, answers: halves },
  { metric: 'spearman', ...few200, answers: halves },
  { metric: 'kendall-tau', ...few200, answers: halves },
  { metric: 'mcrmse', ...few200, answers: halves, width: 2 },
  { metric: 'roc-auc-column-mean', ...few200, answers: halves, width: 2 },
  { metric: 'quantile-loss-0.9', answers: few },
  {
    metric: 'mape',
    answers: [
      [1, 0.5],
      [2, 0.5],
    ],
  },
  { metric: 'top-3-error', ...few200, answers: [0, 1, 2, 3, 4].map((each) => [each, 0.2] as const), width: 5 },
];
const cases = [...quick, ...(repetitions(1, 0) === 1 ? others : [])];

function metricNamed(name: string): Metric {
  const found = findMetric(name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

interface Problem {
  readonly metric: Metric;
  readonly rows: number;
  readonly width: number;
  readonly answers: readonly number[];
  /** One answer a row, in order. */
  readonly sorted: readonly number[];
  readonly rowsOf: (truth: readonly number[]) => Omit<Rows, 'prediction'>;
  readonly worth: number;
}

function problemOf({ metric: name, answers: shares, width = 1, columnWeights }: Case, rows: number): Problem {
  const metric = metricNamed(name);
  const sorted = shares.flatMap(([answer, share]) => Array.from({ length: Math.round(share * rows) }, () => answer));
  const truthWidth = metric.columns?.truth ?? (metric.kind === 'numbers' ? width : 1);
  const classCount = metric.kind === 'number' || metric.kind === 'numbers' ? 0 : shares.length;
  const rowsOf = (truth: readonly number[]) => ({
    count: rows,
    truth: Float64Array.from(truth.flatMap((answer) => new Array<number>(truthWidth).fill(answer))),
    ...{ truthWidth, width, classCount },
    ...(columnWeights === undefined ? {} : { columnWeights }),
  });
  const worth = labelWorth(metric, rowsOf(shuffle(seedRng('answers'), [...sorted])));
  return { metric, rows, width, answers: shares.map(([answer]) => answer), sorted, rowsOf, worth };
}

function scoreOf(
  { metric, width, rowsOf }: Problem,
  truth: readonly number[],
  prediction: Float64Array,
): Score | undefined {
  const score = scoreRows(
    metric,
    { ...rowsOf(truth), prediction: shownPredictions(metric, prediction, width) },
    'seed',
  );
  return score.ok ? score.value : undefined;
}

/** A prediction that says so much for an answer, from 0 for nothing to 1 for all. */
function saying({ metric, answers, width }: Problem, answer: number, strength: number): number[] {
  if (metric.kind === 'label') return [answer];
  if (metric.kind === 'probabilities') {
    const rest = (1 - strength) / answers.length;
    return answers.map((each) => rest + (each === answer ? strength : 0));
  }
  const middle = (Math.min(...answers) + Math.max(...answers)) / 2;
  return new Array<number>(width).fill(middle + (answer - middle) * strength);
}

/** What the attacker knows of the rows without a bet on them, and says of these. */
const backgrounds = ['neutral', 'known', 'guessed'] as const;

interface Bet {
  readonly background: (typeof backgrounds)[number];
  readonly block: number;
  readonly prediction: Float64Array;
  readonly truth: readonly number[];
}

function betOf(problem: Problem, block: number, background: Bet['background'], rng: Rng): Bet {
  const { answers, sorted } = problem;
  const truth = shuffle(rng, [...sorted]);
  const style = nextInt(rng, 4);
  const any = (): number => answers[nextInt(rng, answers.length)] ?? 0;
  const strength = (row: number): number =>
    [1, 2 ** -(row % 12), Math.exp(-6 * nextFloat(rng)), nextFloat(rng)][style] ?? 1;
  const prediction = truth.flatMap((answer, row) => {
    if (row < block) return saying(problem, any(), strength(row));
    if (background === 'known') return saying(problem, answer, 1);
    return background === 'neutral' ? saying(problem, answers[0] ?? 0, 0) : saying(problem, any(), 0.6);
  });
  return { background, block, prediction: Float64Array.from(prediction), truth };
}

/** Labellings that are drawn for one bet; fewer would see fewer texts and so less information. */
const labellings = repetitions(100, 60);

function bitsTold(problem: Problem, bet: Bet, mode: 'quantised' | 'exact', rng: Rng): number {
  const { background, block, prediction, truth } = bet;
  const worth = worthUnder(problem.metric, problem.worth, prediction, problem.width);
  const possible = Array.from({ length: labellings }, (): Replies => {
    const drawn =
      background === 'known'
        ? [...shuffle(rng, truth.slice(0, block)), ...truth.slice(block)]
        : shuffle(rng, [...problem.sorted]);
    const score = scoreOf(problem, drawn, prediction);
    return score === undefined ? new Map([['refused', 1]]) : repliesTo(problem.metric, score, mode, worth);
  });
  return informationOf(possible.map((replies) => ({ weight: 1 / labellings, replies })));
}

/** The most that the reply to any of the bets tells, with what that bet was. */
function mostTold(problem: Problem, mode: 'quantised' | 'exact', seed: string): { bits: number; bet: string } {
  const rng = seedRng(seed);
  // See few200.
  const blocks = problem.metric.score === undefined ? [3, 8] : [2, 3, 4, 6, 8, 16, 64];
  let most = { bits: 0, bet: 'none' };
  for (const block of [...blocks.filter((each) => problem.rows === 200 || each > 3), problem.rows]) {
    for (const background of backgrounds) {
      const bits = bitsTold(problem, betOf(problem, block, background, rng), mode, rng);
      if (bits > most.bits) most = { bits, bet: `${block} rows, the others ${background}` };
    }
  }
  return most;
}

const isThorough = repetitions(1, 0) === 1;
const sizesOf = ({ rows = [200, 1000, 5000] }: Case): readonly number[] => (isThorough ? rows : [200]);
const trials = cases.flatMap((about) => sizesOf(about).map((rows) => ({ about, rows, metric: about.metric })));

test.for(trials)(
  '$metric, $rows rows: no reply tells more than one label',
  { timeout: patienceMs },
  ({ about, rows }, { task }) => {
    const { bits, bet } = mostTold(problemOf(about, rows), 'quantised', `${about.metric}:${rows}`);
    measured(
      task,
      `${about.metric}, n = ${rows}, ${about.answers.length} answers: at most ${bits.toFixed(2)} bits a reply (${bet})`,
    );
    expect(bits).toBeLessThanOrEqual(1);
  },
);

/**
 * The error of a row counts as at most 1,000 there: a bet that is right by a little less, by a tenth of that, by a hundredth …, beside rows
 * that all lose the most and so have no spread.
 */
test('laplace-log-likelihood, 200 rows: bets at the edge of the largest error tell no more than one label', {
  timeout: patienceMs,
}, ({ task }) => {
  const answers = [
    [2000, 0.5],
    [2400, 0.5],
  ] as const;
  const problem = problemOf({ metric: 'laplace-log-likelihood', answers, width: 2 }, 200);
  const toldOf = (block: number, mode: 'quantised' | 'exact'): number => {
    const rng = seedRng(`edge:${block}`);
    const truth = shuffle(rng, [...problem.sorted]);
    const betOn = (row: number): number => (row < block ? 1000 + 400 * 10 ** -row : 1e9);
    const prediction = Float64Array.from(truth.flatMap((_, row) => [betOn(row), 1414]));
    return bitsTold(problem, { background: 'guessed', block, prediction, truth }, mode, rng);
  };
  expect(toldOf(4, 'exact')).toBeGreaterThan(2);
  const bits = Math.max(...[1, 2, 4, 8, 12].map((block) => toldOf(block, 'quantised')));
  measured(task, `laplace-log-likelihood, n = 200, at the edge: at most ${bits.toFixed(2)} bits a reply`);
  expect(bits).toBeLessThanOrEqual(1);
});

test('positive control: exact replies tell several labels', () => {
  for (const about of [quick[0], quick[1], quick[7]] as Case[]) {
    expect(mostTold(problemOf(about, 200), 'exact', 'control').bits).toBeGreaterThan(2);
  }
});

/** Of pairs of replies, the share that shows the better score as better, and as worse, where it is better by one error. */
function seenBy(metric: Metric, score: Score, worth: number): { better: number; worse: number } {
  const rng = seedRng('honest');
  const pairs = 2000;
  const seen = { better: 0, worse: 0 };
  for (let pair = 0; pair < pairs; pair += 1) {
    const value = score.value + (nextFloat(rng) - 0.5) * score.standardError;
    const improved = value + (metric.lowerIsBetter ? -1 : 1) * score.standardError;
    const [before = Number.NaN, after = Number.NaN] = [value, improved].map((each) => {
      const blur = blurOf(String(nextFloat(rng)), worth);
      return Number(feedbackText(metric, { ...score, value: each }, 'quantised', blur).split(' ')[0]);
    });
    const gain = (after - before) * (metric.lowerIsBetter ? -1 : 1);
    if (gain > 0) seen.better += 1 / pairs;
    if (gain < 0) seen.worse += 1 / pairs;
  }
  return seen;
}

/** What an honest model says: the answer, with an error now and then. */
function honest({ metric, answers, width }: Problem, truth: readonly number[], rng: Rng): Float64Array {
  const any = (): number => answers[nextInt(rng, answers.length)] ?? 0;
  const problem = { metric, answers, width } as Problem;
  return Float64Array.from(
    truth.flatMap((answer) => {
      const said = saying(problem, nextFloat(rng) < 0.2 ? any() : answer, 0.5 + 0.4 * nextFloat(rng));
      return metric.kind === 'number' ? said.map((value) => Math.max(0, value + 0.2 * nextNormal(rng))) : said;
    }),
  );
}

test.for(trials)('$metric, $rows rows: an honest improvement of one error is seen', ({ about, rows }, { task }) => {
  const problem = problemOf(about, rows);
  const rng = seedRng(`honest:${about.metric}`);
  const truth = shuffle(rng, [...problem.sorted]);
  const told = honest(problem, truth, rng);
  const score = scoreOf(problem, truth, told);
  if (score === undefined) throw new Error('an honest submission has a score');
  const worth = worthUnder(problem.metric, problem.worth, told, problem.width);
  const { better, worse } = seenBy(problem.metric, score, worth);
  measured(
    task,
    `${about.metric}, n = ${rows}: one error better is shown as better in ${(100 * better).toFixed(0)} %, as worse in ${(100 * worse).toFixed(0)} %`,
  );
  // Where one label is worth as much as the error, noise of a label drowns an improvement of one error; the direction stays.
  if (worth > 0.5 * score.standardError) return expect(better).toBeGreaterThan(worse);
  expect(better).toBeGreaterThan(0.6);
  expect(worse).toBeLessThan(0.25);
});
