// `npm run bench -- ablation [SEEDS] [--seeds 3-5,9] [--tasks …] [--arms …]`: the offline policy on the packaged tasks and two
// larger ones, whole and with one thing after the other left out, and scikit-learn's own searches beside it. Outcomes are kept as they
// come, so that it can be stopped and called again.

import { armNames, arms, peerNames } from './ablation/arms.ts';
import {
  atEqualCompute,
  bestSoFar,
  differencesOf,
  type Gain,
  gainOf,
  isBeyondNoise,
  longestDescent,
} from './ablation/compare.ts';
import type { ArmOrPeer, Outcome, Plan } from './ablation/outcomes.ts';
import { readPlan } from './ablation/plan.ts';
import { outcomesOf } from './ablation/runs.ts';
import { type TaskName, taskNames } from './ablation/tasks.ts';
import { type Line, lineChart } from './line-chart.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';
import { spreadOf } from './statistics.ts';

/** Points of a curve. */
const steps = 12;

export async function benchAblation(words: readonly string[]): Promise<BenchReport> {
  const plan = readPlan(words, { tasks: taskNames, arms: [...armNames, ...peerNames] });
  const outcomes = await outcomesOf({ ...plan, arms: [...new Set<ArmOrPeer>(['full', ...plan.arms])] });
  const texts = plan.tasks.map((task) => reportTask(task, outcomes, plan));
  const lead =
    'The offline policy, which is not a language model. Official test rows, by which nothing is selected, of what is handed in:\n' +
    'median (range); by how much the full arm is better of the same seed: mean [95 % of a paired bootstrap]; the same where both have used as much\n' +
    'slot time, for the candidate that the search thinks best by then. "noise": the interval has zero in it, or there are fewer than five seeds.\n';
  return { text: `${lead}${texts.join('')}`, broken: [] };
}

function reportTask(task: TaskName, outcomes: readonly Outcome[], { arms: wanted }: Plan): string {
  const own = outcomes.filter((outcome) => outcome.task === task);
  const digits = (value: number): string => value.toPrecision(4);
  const gainText = (differences: readonly number[]): string[] => {
    if (differences.length === 0) return ['', ''];
    const gain: Gain = gainOf(differences);
    const interval = `${digits(gain.mean)} [${digits(gain.low)}, ${digits(gain.high)}]`;
    return [interval, `${gain.ahead} of ${gain.pairs}${isBeyondNoise(gain) ? '' : ', noise'}`];
  };
  const line = (label: string, of: readonly Outcome[], test: (outcome: Outcome) => number | undefined): string[] => {
    const values = of.flatMap((outcome) => test(outcome) ?? []);
    if (values.length === 0) return [label, 'not run'];
    const { median, low, high } = spreadOf(values);
    const seconds = spreadOf(of.map((outcome) => outcome.seconds)).median;
    return [label, `${digits(median)} (${digits(low)}–${digits(high)})`, Math.round(seconds).toString()];
  };
  const rows = wanted.flatMap((arm) => {
    const of = own.filter((outcome) => outcome.arm === arm);
    const about = arms.find(({ name }) => name === arm)?.about ?? `scikit-learn, ${arm} search`;
    const head = line(`${arm}: ${about}`, of, ({ test }) => test);
    if (arm !== 'full') {
      const equal = differencesOf(own, arm, atEqualCompute);
      return [
        [...head, ...gainText(differencesOf(own, arm, (full, other) => [full.test, other.test])), ...gainText(equal)],
      ];
    }
    const alone = line('no-ensemble: the best single program', of, ({ singleTest }) => singleTest);
    const gain = of.flatMap(({ test, singleTest, lowerIsBetter }) =>
      singleTest === undefined ? [] : [lowerIsBetter ? singleTest - test : test - singleTest],
    );
    return [head, [...alone, ...gainText(gain)]];
  });
  const honesty = own.flatMap(({ arm, reported, test, lowerIsBetter }) =>
    arm === 'own-metric' || arm === 'full' ? [{ arm, by: lowerIsBetter ? test - reported : reported - test }] : [],
  );
  const told = (arm: string): string => {
    const values = honesty.filter((one) => one.arm === arm).map(({ by }) => by);
    return values.length === 0 ? 'not run' : digits(spreadOf(values).median);
  };
  const header = [task, 'handed in, test', 'seconds', 'full better by', 'ahead', 'at equal compute', 'ahead'];
  const searched = own.filter(({ candidates }) => candidates.length > 0);
  const end = Math.max(...searched.map(({ seconds }) => seconds));
  const lines = wanted.flatMap((arm): Line[] => {
    const of = searched.filter((outcome) => outcome.arm === arm);
    return of.length === 0 ? [] : [{ label: arm, points: curveOf(of, end) }];
  });
  const chart = lineChart({
    ...{
      title: `${task}: test score of the candidate that the search thinks best`,
      xLabel: 'seconds',
      yLabel: 'test score',
    },
    lines,
  });
  const path = writeResults(`ablation-${task}`, { outcomes: own }, chart);
  const said = `Said to be better than it is on test, median: full ${told('full')}, own-metric ${told('own-metric')}.\n`;
  return `\n${textTable([header, ...rows])}${said}${descentText(searched, wanted)}${path}\n`;
}

function descentText(outcomes: readonly Outcome[], wanted: readonly ArmOrPeer[]): string {
  const means = wanted.flatMap((arm) => {
    const steps = outcomes.filter((outcome) => outcome.arm === arm).map(longestDescent);
    if (steps.length === 0) return [];
    return [`${arm} ${(steps.reduce((sum, one) => sum + one, 0) / steps.length).toFixed(1)}`];
  });
  return `Steps in the longest line of descent, mean: ${means.join(', ')}.\n`;
}

/** Median over the seeds, from when all of them have a candidate; what is found stays. */
function curveOf(outcomes: readonly Outcome[], end: number): { readonly x: number; readonly y: number }[] {
  return Array.from({ length: steps }, (_, step) => ((step + 1) / steps) * end).flatMap((x) => {
    const values = outcomes.flatMap((outcome) => bestSoFar(outcome, 'seconds', x) ?? []);
    return values.length < outcomes.length ? [] : [{ x: Math.round(x), y: spreadOf(values).median }];
  });
}
