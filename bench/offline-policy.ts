// What the offline policy's search is worth: the full search beside as many independent drafts, on the packaged tasks, over
// several seeds. Two arms of the ablation, whose outcomes it shares (bench/ablation/), with the validation score in front: that is the
// figure that a run reports.

import type { Outcome } from './ablation/outcomes.ts';
import { readPlan } from './ablation/plan.ts';
import { outcomesOf } from './ablation/runs.ts';
import { packagedTasks } from './ablation/tasks.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';
import { type Spread, spreadOf } from './statistics.ts';
import { stripChart } from './strip-chart.ts';

const figures = {
  reported: 'handed in, validation',
  single: 'best program, validation',
  test: 'handed in, test',
} as const;
type Figure = keyof typeof figures;

/** `npm run bench -- offline-policy [SEEDS] [--seeds 3-5,9] [--tasks digits,diamonds]`. */
export async function benchOfflinePolicy(words: readonly string[]): Promise<BenchReport> {
  const both = { tasks: packagedTasks, arms: ['full', 'drafts'] } as const;
  const { seeds, tasks } = readPlan(words, both);
  const outcomes = await outcomesOf({ ...both, seeds, tasks });
  const rows = tasks.flatMap((task) => (Object.keys(figures) as Figure[]).map((it) => compare(task, it, outcomes)));
  const shown = ({ median, low, high }: Spread): string =>
    `${median.toPrecision(4)} (${low.toPrecision(4)}–${high.toPrecision(4)})`;
  const header = ['task, figure', 'baseline', 'drafts', 'search', 'better by, in pairs', 'search ahead'];
  const lines = rows.map(({ task, figure, baseline, drafts, search, gain, ahead }) => [
    `${task}, ${figures[figure]}`,
    figure === 'test' ? '' : (baseline?.toPrecision(4) ?? ''),
    shown(drafts),
    shown(search),
    shown(gain),
    `${ahead} of ${seeds.length}`,
  ]);
  const times = tasks.map((task) => {
    const seconds = outcomes.filter((outcome) => outcome.task === task).map((outcome) => outcome.seconds);
    return `${task} ${Math.round(spreadOf(seconds).median)} s`;
  });
  const path = writeResults('offline-policy', { seeds, rows, outcomes }, chart(outcomes, tasks));
  const head = `Median (range) of ${seeds.length} seeds, 16 candidates a run. A run took, in the median: ${times.join(', ')}.\n`;
  const behind = rows.filter((row) => row.figure === 'reported' && !row.medianAhead).map((row) => row.task);
  const broken = behind.map((task) => `the search is not ahead of drafts on ${task}`);
  return { text: `${head}${textTable([header, ...lines])}${path}\n`, broken };
}

interface Comparison {
  readonly task: string;
  readonly figure: Figure;
  readonly baseline: number | undefined;
  readonly search: Spread;
  readonly drafts: Spread;
  /** By how much the search was better than drafts of the same seed; negative where it was worse. */
  readonly gain: Spread;
  /** Seeds in which the search was better. */
  readonly ahead: number;
  readonly medianAhead: boolean;
}

function compare(task: string, figure: Figure, outcomes: readonly Outcome[]): Comparison {
  const own = outcomes.filter((outcome) => outcome.task === task);
  const [first] = own;
  if (first === undefined) throw new Error(`there is no outcome of ${task}`);
  const better = (one: number, other: number): boolean => (first.lowerIsBetter ? one < other : one > other);
  const of = (arm: 'full' | 'drafts') =>
    own.flatMap((one) => {
      const value = one[figure];
      return one.arm !== arm || value === undefined ? [] : [{ seed: one.seed, value }];
    });
  const [search, drafts] = [of('full'), of('drafts')];
  const gains = search.flatMap((one) => {
    const other = drafts.find(({ seed }) => seed === one.seed);
    if (other === undefined) return [];
    return first.lowerIsBetter ? other.value - one.value : one.value - other.value;
  });
  const [ours, theirs] = [spreadOf(search.map(({ value }) => value)), spreadOf(drafts.map(({ value }) => value))];
  return {
    ...{ task, figure, baseline: first.baseline, search: ours, drafts: theirs, gain: spreadOf(gains) },
    ahead: gains.filter((gain) => gain > 0).length,
    medianAhead: better(ours.median, theirs.median),
  };
}

function chart(outcomes: readonly Outcome[], tasks: readonly string[]): string {
  const groups = tasks.map((task) => ({
    title: `${task}: validation score of what is handed in`,
    strips: (['full', 'drafts'] as const).map((arm, series) => {
      const values = outcomes.filter((one) => one.task === task && one.arm === arm).map((one) => one.reported);
      return { label: arm === 'full' ? 'search' : arm, values, median: spreadOf(values).median, series };
    }),
  }));
  return stripChart('The offline policy: search and independent drafts', groups);
}
