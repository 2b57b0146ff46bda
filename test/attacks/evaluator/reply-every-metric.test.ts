// How much one reply tells of the labels, for every metric of the registry (threats: probing the score). As reply-information.test.ts,
// by bets that are made for the kind of its answers: classes, numbers of several sizes, points, shares, columns of yes and no, texts.
// The attacker knows the program, the answers that occur and how often, and all rows but those of its bet; what is counted is the
// information between the labels and the text, in bits, the most that any decoder can get out of it.

import { expect, test } from 'vitest';
import { shownPredictions } from '../../../evaluator-node/core/feedback.ts';
import { graderBlur } from '../../../evaluator-node/core/grader-metric.ts';
import { labelWorth, worthUnder } from '../../../evaluator-node/core/label-worth.ts';
import type { Metric, Rows } from '../../../evaluator-node/core/metrics/metric.ts';
import { listedMetrics } from '../../../evaluator-node/core/metrics/registry.ts';
import { type Score, scoreRows } from '../../../evaluator-node/core/metrics/score.ts';
import { codeTexts, withPredictions } from '../../../evaluator-node/core/metrics/texts.ts';
import { nextFloat, nextInt, type Rng, seedRng, shuffle } from '../../../shared/core/rng.ts';
import { measured } from '../../support/measured.ts';
import { informationOf, repliesTo } from '../../support/replies.ts';
import { patienceMs, repetitions } from '../../support/thorough.ts';

type Answer = readonly number[] | string;

/** Answers that occur equally often, and how to bet on one with a weight that depends on the row's place in the bet. */
interface Answers {
  readonly name: string;
  readonly all: readonly Answer[];
  readonly classCount: number;
  readonly bet: (answer: Answer, place: number, style: number, rng: Rng) => Answer;
}

const rows = 200;
const numbersOf = (answer: Answer): readonly number[] => (typeof answer === 'string' ? [] : answer);

/** How much of a bet is said, by style: all, halves, powers, anything, and far more than all. */
function strengthOf(place: number, style: number, rng: Rng): number {
  return [1, 2 ** -(place % 12), Math.exp(-6 * nextFloat(rng)), nextFloat(rng), 1000][style] ?? 1;
}

function classes(count: number, width: number): Answers {
  const all = Array.from({ length: count }, (_, each) => [each]);
  return {
    ...{ name: `${count} classes`, all, classCount: count },
    bet: (answer, place, style, rng) => {
      const [wanted = 0] = numbersOf(answer);
      if (width === 0) return [wanted];
      const strength = Math.min(1, strengthOf(place, style, rng));
      if (width === 1) return [0.5 + (wanted - 0.5) * strength];
      return all.map(([each]) => (1 - strength) / count + (each === wanted ? strength : 0));
    },
  };
}

function numeric(name: string, all: readonly (readonly number[])[], metric: Metric): Answers {
  const predicted = (answer: Answer): readonly number[] =>
    metric.predictionOf?.(Float64Array.from(numbersOf(answer))) ?? numbersOf(answer);
  const middle = (predicted(all[0] ?? []) as readonly number[]).map(
    (_, column) => all.reduce((sum, each) => sum + (predicted(each)[column] ?? 0), 0) / all.length,
  );
  const isBound = metric.sharesOfOne === true || metric.columnDomains !== undefined || metric.domain !== undefined;
  return {
    ...{ name, all, classCount: 0 },
    bet: (answer, place, style, rng) => {
      const strength = strengthOf(place, style, rng);
      const told = isBound ? Math.min(1, strength) : strength;
      return predicted(answer).map((value, column) => (middle[column] ?? 0) + (value - (middle[column] ?? 0)) * told);
    },
  };
}

/** Texts; a bet may hold what belongs to no answer, so that a hit counts less. */
function texts(name: string, all: readonly string[], beside: (text: string, amount: number) => string): Answers {
  return {
    ...{ name, all, classCount: 0 },
    bet: (answer, place, style, rng) => {
      const amount = [0, 2 ** (place % 8), nextInt(rng, 30), place, 0][style] ?? 0;
      return beside(typeof answer === 'string' ? answer : '', amount);
    },
  };
}

const junk = (amount: number): string => Array.from({ length: amount }, (_, at) => `junk${at}`).join(' ');
const words = ['a', 'b c', 'd e f', 'a b c d e f g h'];

function textAnswers(metric: Metric): Answers[] {
  if (metric.textProblem?.('x') !== undefined) {
    const masks = ['1 10', '11 10', '100 400', ''];
    const far = (text: string, amount: number): string => (amount === 0 ? text : `${text} 5000 ${amount * 10}`.trim());
    return [texts('masks', masks, far), texts('two masks', masks.slice(0, 2), far)];
  }
  if (metric.name.startsWith('levenshtein')) {
    const padded = (text: string, amount: number): string => text + 'z'.repeat(amount);
    return [
      texts('words', ['kitten', 'sitting', 'abcdefghijklmnopqrstuvwxyz', 'q'], padded),
      texts('words of one length', ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'], padded),
    ];
  }
  const isRanked = metric.name.startsWith('map-at');
  const mixed = (text: string, amount: number): string =>
    (isRanked ? `${junk(amount)} ${text}` : `${text} ${junk(amount)}`).trim();
  return [texts('items', words, mixed), texts('one item', ['a', 'b'], mixed)];
}

function answersOf(metric: Metric): Answers[] {
  const takes = (value: number): boolean => metric.truthProblem?.(value) === undefined;
  switch (metric.kind) {
    case 'text':
      return textAnswers(metric);
    case 'label':
      return metric.binary === true ? [classes(2, 0)] : [classes(2, 0), classes(4, 0)];
    case 'probability':
      return [classes(2, 1)];
    case 'probabilities':
      return metric.binary === true ? [classes(2, 2)] : [classes(2, 2), classes(7, 7)];
    case 'number':
      return [numeric('two numbers', [[1], [2]], metric), numeric('far numbers', [[1], [2], [5], [100]], metric)];
    case 'numbers':
      if (metric.columnDomains !== undefined)
        return [
          numeric(
            'near points',
            [
              [1, 1],
              [1.01, 1.01],
            ],
            metric,
          ),
          numeric(
            'far points',
            [
              [1, 1],
              [1.01, 1],
              [2, 2.5],
              [0.1, 3],
            ],
            metric,
          ),
        ];
      if (metric.sharesOfOne === true)
        return [
          numeric(
            'shares',
            [
              [0.7, 0.2, 0.1],
              [0.1, 0.1, 0.8],
              [0.3, 0.4, 0.3],
            ],
            metric,
          ),
          numeric(
            'whole shares',
            [
              [1, 0, 0],
              [0, 1, 0],
              [0, 0, 1],
            ],
            metric,
          ),
        ];
      if (!takes(0.5))
        return [
          numeric(
            'yes and no',
            [
              [1, 0, 0, 1],
              [0, 1, 0, 0],
              [1, 1, 1, 0],
              [0, 0, 1, 0],
            ],
            metric,
          ),
          numeric(
            'one of six',
            [0, 1, 2, 3, 4, 5].map((hot) => [0, 1, 2, 3, 4, 5].map((each) => (each === hot ? 1 : 0))),
            metric,
          ),
        ];
      if (metric.predictionOf !== undefined) return [numeric('two numbers', [[2000], [2400]], metric)];
      return [
        numeric(
          'columns',
          [
            [0, 1],
            [1, 0],
            [1, 1],
          ],
          metric,
        ),
        numeric(
          'relevances',
          [
            [3, 0, 1, 0],
            [0, 2, 0, 1],
            [0, 0, 0, 5],
          ],
          metric,
        ),
      ];
  }
}

/** How a score is made and blurred: as of a metric that the evaluator knows, or as of a grader that it does not. */
type Source = 'metric' | 'grader' | 'grader of unknown error' | 'grader of unknown error and best score';

interface Problem {
  readonly source: Source;
  readonly metric: Metric;
  readonly answers: Answers;
  readonly width: number;
  readonly worth: number;
  /** Rows of these answers, by their number. */
  readonly truthOf: (numbers: readonly number[]) => Omit<Rows, 'prediction'>;
}

function problemOf(metric: Metric, answers: Answers, source: Source): Problem {
  const [first = []] = answers.all;
  const width = typeof first === 'string' ? 1 : numbersOf(answers.bet(first, 0, 0, seedRng('width'))).length;
  const isText = typeof first === 'string';
  const truthOf = (numbers: readonly number[]): Omit<Rows, 'prediction'> => ({
    count: rows,
    truth: Float64Array.from(numbers.flatMap((each) => (isText ? [each] : numbersOf(answers.all[each] ?? [])))),
    ...{ truthWidth: isText ? 1 : first.length, width, classCount: answers.classCount },
    ...(isText ? { texts: answers.all as readonly string[] } : {}),
  });
  const worth = labelWorth(metric, truthOf(shuffle(seedRng('answers'), evenly(answers.all.length))));
  return { source, metric, answers, width, worth, truthOf };
}

const evenly = (kinds: number): number[] => Array.from({ length: rows }, (_, row) => row % kinds);

interface Predicted {
  readonly codes: Float64Array;
  readonly texts?: readonly string[];
}

function predictedBy(told: readonly Answer[]): Predicted {
  if (typeof told[0] !== 'string') return { codes: Float64Array.from(told.flatMap(numbersOf)) };
  const { codes, texts: list } = codeTexts(told as readonly string[]);
  return { codes, texts: list };
}

const labellings = repetitions(100, 60);

/** Bits that the reply to a bet on a block of rows tells, beside rows that are known or guessed. */
function bitsTold(problem: Problem, block: number, background: string, mode: 'quantised' | 'exact', rng: Rng): number {
  const { metric, answers, width, worth, truthOf } = problem;
  const kinds = answers.all.length;
  const truth = shuffle(rng, evenly(kinds));
  const style = nextInt(rng, 5);
  const told = truth.map((kind, row): Answer => {
    const said = (which: number, how: number): Answer => answers.bet(answers.all[which] ?? '', row, how, rng);
    if (row < block) return said(nextInt(rng, kinds), style);
    return background === 'known' ? said(kind, 0) : said(background === 'constant' ? 0 : nextInt(rng, kinds), 0);
  });
  const { codes, texts: list } = predictedBy(told);
  const shown = problem.source === 'metric' ? shownPredictions(metric, codes, width) : codes;
  const valued = worthUnder(metric, worth, codes, width);
  return informationOf(
    Array.from({ length: labellings }, () => {
      // The attacker knows the rows beside its bet, and of those in it how many have which answer.
      const drawn = [...shuffle(rng, truth.slice(0, block)), ...truth.slice(block)];
      const score = scoreRows(metric, withPredictions(truthOf(drawn), shown, list), 'seed');
      if (!score.ok) return { weight: 1 / labellings, replies: new Map([['refused', 1]]) };
      const blurred = blurredBy(problem, score.value, valued);
      return { weight: 1 / labellings, replies: repliesTo(metric, blurred.score, mode, blurred.labelWorth) };
    }),
  );
}

function blurredBy({ source, metric }: Problem, score: Score, worth: number): { score: Score; labelWorth: number } {
  if (source === 'metric') return { score, labelWorth: worth };
  const told = source === 'grader' ? score : { ...score, standardError: 0 };
  const { lowerIsBetter, perfect } = metric;
  const isKnown = source !== 'grader of unknown error and best score';
  return graderBlur(told, isKnown ? { lowerIsBetter, perfect } : { lowerIsBetter }, rows);
}

function mostTold(
  metric: Metric,
  mode: 'quantised' | 'exact',
  source: Source = 'metric',
): { bits: number; bet: string } {
  let most = { bits: 0, bet: 'none' };
  const rng = seedRng(`every:${metric.name}`);
  for (const answers of answersOf(metric)) {
    const problem = problemOf(metric, answers, source);
    const blocks = metric.score === undefined ? [4, 10] : [2, 4, 6, 8, 16, 64];
    for (const block of blocks) {
      for (const background of ['known', 'guessed', 'constant']) {
        for (let bet = 0; bet < (metric.score === undefined ? 1 : repetitions(3, 1)); bet += 1) {
          const bits = bitsTold(problem, block, background, mode, rng);
          if (bits > most.bits) most = { bits, bet: `${answers.name}, ${block} rows, the others ${background}` };
        }
      }
    }
  }
  return most;
}

/** Of the quick level: those of other answers than the metrics of reply-information.test.ts. */
const quick =
  /^(angular-error|f1-sets-micro|haversine|kl-divergence|levenshtein|lwlrap|map-at-5|mean-iou|ndcg-at-5|word-jaccard)$/;
/** A median tells less than one label even where it is shown whole, so these bets have no positive control for it. */
const withoutControl = 'medae';
const attacked = listedMetrics.filter(
  ({ name }) => name !== withoutControl && (repetitions(1, 0) === 1 || quick.test(name)),
);

test.for(attacked)(
  '$name: no reply tells more than one label, whatever the bets',
  { timeout: patienceMs },
  (metric, { task }) => {
    const exact = mostTold(metric, 'exact').bits;
    const { bits, bet } = mostTold(metric, 'quantised');
    measured(
      task,
      `${metric.name}, n = ${rows}: at most ${bits.toFixed(2)} bits a reply (${bet}); exact ${exact.toFixed(2)}`,
    );
    // Positive control: the same bets read several labels off a score that is shown whole.
    expect(exact).toBeGreaterThan(1);
    expect(bits).toBeLessThanOrEqual(1);
  },
);

/** Metrics whose scores stand in for those of graders that nobody here knows. */
const standIns = ['accuracy', 'mae', 'rmse', 'log-loss', 'roc-auc', 'f1-macro', 'pearson', 'map-at-5', 'haversine'];
const graded = standIns.slice(0, repetitions(standIns.length, 3)).flatMap((name) =>
  (['grader', 'grader of unknown error', 'grader of unknown error and best score'] as const).map((source) => ({
    name,
    source,
  })),
);

/**
 * Weaker than of our own metrics, which bound what one row can cost: of a loss without a bound, whose rest is known, the size of the score
 * alone tells whether any bet was wrong.
 */
const bitsOfGrader = 1.25;

test.for(graded)(
  'a $source that scores as $name does: no reply tells more than a label and a quarter',
  { timeout: patienceMs },
  ({ name, source }, { task }) => {
    const metric = listedMetrics.find((each) => each.name === name);
    if (metric === undefined) throw new Error(`no metric ${name}`);
    const exact = mostTold(metric, 'exact', source).bits;
    const { bits, bet } = mostTold(metric, 'quantised', source);
    measured(
      task,
      `${source} as ${name}, n = ${rows}: at most ${bits.toFixed(2)} bits a reply (${bet}); exact ${exact.toFixed(2)}`,
    );
    expect(exact).toBeGreaterThan(1);
    expect(bits).toBeLessThanOrEqual(bitsOfGrader);
  },
);
