// Spelling out hidden labels by bets (threats: probing the score). In full precision one query proves as many labels as a
// score has digits for; behind the evaluator's blur it must tell at most one, also where each query is chosen by the
// answers to all queries before it, until the budget of a line of candidates is used.
//
// The attacker bets on a block of rows, weighs every labelling of it by how well it explains all answers (it knows the
// program, the class counts and all but the vault's secret), and takes of several random bets the one whose answer would
// tell most. Rows of blocks that are done serve as counterweights: their labels are given to it. What counts is
// what it knows in the end: the bits by which the true labelling became more probable.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FeedbackMode } from '../../../evaluator-node/core/feedback.ts';
import { shownPredictions } from '../../../evaluator-node/core/feedback.ts';
import { labelWorth } from '../../../evaluator-node/core/label-worth.ts';
import type { Metric } from '../../../evaluator-node/core/metrics/metric.ts';
import { findMetric } from '../../../evaluator-node/core/metrics/registry.ts';
import { type Score, scoreRows } from '../../../evaluator-node/core/metrics/score.ts';
import { nextFloat, nextInt, type Rng, seedRng, shuffle } from '../../../shared/core/rng.ts';
import {
  type AttackedEvaluator,
  attackEvaluator,
  labelFile,
  probabilityFile,
} from '../../support/attacked-evaluator.ts';
import { measured } from '../../support/measured.ts';
import { informationOf, type Replies, readable, repliesTo } from '../../support/replies.ts';
import { patienceMs, repetitions } from '../../support/thorough.ts';

/** Scores that a line of candidates may learn; a series uses all of them. */
const budget = repetitions(60, 10);
/** Rows that the bets of a series are on, until their labels are all but proved; fewer where the error is a bootstrap. */
const blockOf = (metric: Metric): number => (metric.score === undefined ? 4 : 6);
/** Random bets among which the attacker chooses. */
const bets = repetitions(12, 4);
/** A labelling that is so probable is proved. */
const proved = 0.99;

interface Target {
  readonly name: string;
  readonly metric: string;
  readonly feedback: FeedbackMode;
  readonly rows: number;
}

const quick: readonly Omit<Target, 'name' | 'feedback'>[] = [
  { metric: 'roc-auc', rows: 200 },
  { metric: 'mae', rows: 200 },
  { metric: 'log-loss', rows: 200 },
];
const others: readonly Omit<Target, 'name' | 'feedback'>[] = [
  { metric: 'f1-binary', rows: 200 },
  { metric: 'rmse', rows: 200 },
  { metric: 'log-loss', rows: 5000 },
  ...['accuracy', 'rmsle', 'smape', 'pearson'].map((metric) => {
    return { metric, rows: 200 };
  }),
];
const thorough = repetitions(1, 0) === 1;
const attacked = thorough ? [...quick, ...others] : quick;
const modes: readonly FeedbackMode[] = thorough ? ['exact', 'quantised', 'ladder'] : ['exact', 'quantised'];
const targets: readonly Target[] = attacked.flatMap((each) =>
  modes.map((feedback) => ({ ...each, feedback, name: `${each.metric}-${each.rows}-${feedback}` })),
);
/** As many labels 0 as 1, which the attacker knows. */
const secretOf = (rows: number): number[] =>
  shuffle(
    seedRng(`secret:${rows}`),
    Array.from({ length: rows }, (_, row) => row % 2),
  );
let evaluator: AttackedEvaluator;

beforeAll(async () => {
  evaluator = await attackEvaluator(
    targets.map(({ name, metric, feedback, rows }) => {
      return { name, metric, feedback, search: secretOf(rows), validation: [0, 1], queries: { lineage: budget } };
    }),
  );
});

afterAll(() => evaluator.stop());

/** What the attacker works with. */
interface Attacker {
  readonly metric: Metric;
  readonly rows: number;
  readonly feedback: FeedbackMode;
  readonly secret: readonly number[];
  readonly worth: number;
  readonly block: number;
  readonly rng: Rng;
  /** Labels of the rows that are neither known nor bet on, by how many of them are 1. */
  readonly rests: Map<string, Float64Array>;
}

interface Query {
  /** Of label 1, or the number that is predicted. */
  readonly predictions: readonly number[];
  /** The score by the labelling of the block; undefined where it has none. */
  readonly scores: readonly (Score | undefined)[];
}

const bitsOf = (labelling: number, block: number): number[] =>
  Array.from({ length: block }, (_, row) => (labelling >> row) & 1);

/** The labels as the attacker would have them: known ones, a labelling of the block, and of the rest only how many are 1. */
function labelsWith({ secret, rows, block, rests }: Attacker, first: number, labelling: number): Float64Array {
  const known = [...secret.slice(0, first), ...bitsOf(labelling, block)];
  const ones = rows / 2 - known.filter((label) => label === 1).length;
  const left = rows - known.length;
  const key = `${left}:${ones}`;
  const rest =
    rests.get(key) ??
    Float64Array.from(
      shuffle(
        seedRng('rest'),
        Array.from({ length: left }, (_, row) => Number(row < ones)),
      ),
    );
  rests.set(key, rest);
  const labels = new Float64Array(rows);
  labels.set(known);
  labels.set(rest, known.length);
  return labels;
}

function inColumns({ metric }: Attacker, predictions: readonly number[]): { values: Float64Array; width: number } {
  const width = metric.kind === 'probabilities' ? 2 : 1;
  const flat = width === 2 ? predictions.flatMap((each) => [1 - each, each]) : predictions;
  return { values: shownPredictions(metric, Float64Array.from(flat), width), width };
}

/** A random bet on the rows from `first` on, with some of the rows before it as counterweights. */
function betOn(attacker: Attacker, first: number): Query {
  const { metric, rng, secret } = attacker;
  const style = nextInt(rng, 4);
  const sides = [0.001, 0.999];
  const stake = (row: number): number => {
    if (metric.kind === 'label') return nextInt(rng, 2);
    const strength = [1, 2 ** -row, Math.exp(-6 * nextFloat(rng)), nextInt(rng, 2)][style] ?? 1;
    return 0.5 + ((sides[nextInt(rng, 2)] ?? 0.5) - 0.5) * strength;
  };
  const weights = Math.min(first, nextInt(rng, 41));
  const weight = metric.kind === 'label' ? 1 : 0.5 + nextFloat(rng) / 2;
  const neutral = metric.kind === 'label' ? 0 : 0.5;
  const staked = Array.from({ length: attacker.block }, (_, row) => stake(row));
  const predictions = secret.map((label, row) => {
    if (row >= first && row < first + attacker.block) return staked[row - first] ?? neutral;
    return row < weights ? (label === 1 ? weight : 1 - weight) : neutral;
  });
  const { values, width } = inColumns(attacker, predictions);
  const scores = Array.from({ length: 2 ** attacker.block }, (_, labelling) => {
    const truth = labelsWith(attacker, first, labelling);
    const classCount = metric.kind === 'number' ? 0 : 2;
    const score = scoreRows(metric, { count: truth.length, truth, prediction: values, width, classCount }, 'seed');
    return score.ok ? score.value : undefined;
  });
  return { predictions, scores };
}

/** What may be answered, by the labelling of the block; of few draws of the secret where that will do. */
function repliesOf({ metric, feedback, worth }: Attacker, { scores }: Query, precision: 'coarse' | 'fine'): Replies[] {
  return scores.map((score) =>
    score === undefined ? new Map<string, number>() : repliesTo(metric, score, feedback, worth, precision),
  );
}

/** To choose among bets, a coarse look is enough. */
function toldBy(attacker: Attacker, query: Query, beliefs: readonly number[]): number {
  const replies = repliesOf(attacker, query, 'coarse');
  return informationOf(replies.map((each, labelling) => ({ weight: beliefs[labelling] ?? 0, replies: each })));
}

/** Of several random bets the one whose answer would tell most. */
function bestBet(
  attacker: Attacker,
  first: number,
  beliefs: readonly number[],
): { readonly best: Query; readonly replies: readonly Replies[] } {
  const tried = Array.from({ length: bets }, () => {
    const query = betOn(attacker, first);
    return { query, told: toldBy(attacker, query, beliefs) };
  });
  const { query } = tried.reduce((best, other) => (other.told > best.told ? other : best));
  return { best: query, replies: repliesOf(attacker, query, 'fine') };
}

/** What an answer that was held to be impossible is given, so that a slip of the attacker's model does not end it. */
const slip = 1e-4;

/** Bits that the attacker learned by so many queries. */
async function series(target: Target, most: number): Promise<{ queries: number; bits: number }> {
  const metric = findMetric(target.metric);
  if (metric === undefined) throw new Error(`no metric ${target.metric}`);
  const secret = secretOf(target.rows);
  const width = metric.kind === 'probabilities' ? 2 : 1;
  const answers = {
    count: secret.length,
    truth: Float64Array.from(secret),
    width,
    classCount: metric.kind === 'number' ? 0 : 2,
  };
  const worth = labelWorth(metric, answers);
  const block = blockOf(metric);
  const rng = seedRng(`series:${target.name}`);
  const attacker: Attacker = { ...target, metric, secret, worth, block, rng, rests: new Map() };
  const even = new Array<number>(2 ** block).fill(2 ** -block);
  let [first, beliefs, bits, queries] = [0, even, 0, 0];
  const isTrue = (labelling: number): boolean =>
    bitsOf(labelling, block).every((label, row) => label === secret[first + row]);
  const learned = (): number => block + Math.log2(beliefs.find((_, labelling) => isTrue(labelling)) ?? 0);
  for (; queries < most; queries += 1) {
    const { best, replies } = bestBet(attacker, first, beliefs);
    const parents = queries === 0 ? [] : [`q${queries - 1}`];
    const about = { task: target.name, run: `series-${target.name}`, candidate: `q${queries}`, parents };
    // Other values in the validation rows, so that no two files are equal: each has noise of its own.
    const predictions = [...best.predictions, nextFloat(attacker.rng), nextFloat(attacker.rng)];
    const labels = metric.kind === 'label' ? predictions.map(Math.round) : predictions;
    const { score } = await evaluator.submit(about, width === 2 ? probabilityFile(labels) : labelFile(labels));
    const told = score?.feedback ?? '';
    if (told.startsWith('withheld')) break;
    // A ladder that repeats an earlier score tells nothing that this attacker knows how to use.
    if (told.startsWith('not clearly')) continue;
    const text = target.feedback === 'exact' ? readable(told) : told;
    const weighed = beliefs.map((belief, labelling) => belief * ((replies[labelling]?.get(text) ?? 0) + slip));
    const sum = weighed.reduce((total, each) => total + each, 0);
    beliefs = weighed.map((each) => each / sum);
    if (Math.max(...beliefs) < proved) continue;
    bits += learned();
    first += block;
    beliefs = even;
  }
  return { queries, bits: bits + learned() };
}

test.for(attacked)(
  '$metric, $rows rows: adaptive queries tell at most one label each, over a line’s whole budget',
  { timeout: patienceMs },
  async ({ metric, rows }, { task }) => {
    const of = (feedback: FeedbackMode, most: number) =>
      series({ metric, rows, feedback, name: `${metric}-${rows}-${feedback}` }, most);
    // One after the other: an attacker's work keeps the calls of another one waiting until their deadline.
    for (const mode of modes) {
      const { bits, queries } = await of(mode, mode === 'exact' ? 3 : budget + 1);
      const labels = bits / queries;
      measured(task, `${metric}, n = ${rows}, ${mode}: ${labels.toFixed(2)} labels a query over ${queries} queries`);
      // A bet of labels tells at most how many of a block are right.
      const most = findMetric(metric)?.kind === 'label' ? 1.2 : 1.5;
      if (mode === 'exact') expect(labels, 'positive control').toBeGreaterThan(most);
      else expect(labels, mode).toBeLessThanOrEqual(1);
      if (mode === 'quantised') expect(queries, 'the whole budget').toBeGreaterThanOrEqual(budget);
    }
  },
);
