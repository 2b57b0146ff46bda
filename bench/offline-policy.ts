// What the offline policy's search is worth: whole runs of real clusters with real sandboxes and a real evaluator, the full
// search beside as many independent drafts, on the packaged tasks, over several seeds.
//
// Outcomes are kept as they come, under a digest of the policy and of the options: stopped and called again, it goes on
// where it was, and outcomes of another policy are never mixed in. What a run came to is kept even where the next one fails.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { startTestCluster, type TestCluster } from '../test/support/cluster.ts';
import { resultPath, textTable, writeResults } from './results.ts';
import { type Spread, spreadOf } from './statistics.ts';
import { stripChart } from './strip-chart.ts';

const allTasks = ['digits', 'birdstrikes', 'diamonds'] as const;
type TaskName = (typeof allTasks)[number];
/** The second differs in its operators only: the policy has every draft look at what was drafted before, too. */
const arms = { search: 'draft,mutate,crossover,repair', drafts: 'draft' } as const;
type Arm = keyof typeof arms;
const armNames = Object.keys(arms) as Arm[];
const defaultSeeds = 10;
/**
 * The policy works as in the quick start: it scales its effort with the execution limit only above 100 s. The limits are
 * wider and the end after three minutes is left out, so that a busy machine makes runs slower but not worse.
 */
const options =
  '--candidates 16 --slots 4 --execution 100s --tool 100s --trajectory 900s --turns 30 --memory 1536MiB --cpus 1';

const root = join(import.meta.dirname, '..');

const outcomeSchema = z.object({
  policy: z.string(),
  task: z.enum(allTasks),
  seed: z.number(),
  arm: z.enum(['search', 'drafts']),
  scored: z.number(),
  failed: z.number(),
  seconds: z.number(),
  lowerIsBetter: z.boolean(),
  baseline: z.number(),
  /** Validation score of what is handed in: the winner, or the ensemble where that was selected. */
  final: z.number(),
  ensemble: z.boolean(),
  /** Validation score of the best single program. */
  single: z.number(),
  /** Official test score of what is handed in. Nothing was selected by it. */
  test: z.number(),
});
type Outcome = z.infer<typeof outcomeSchema>;

/** `npm run bench -- offline-policy [SEEDS] [--seeds 3-5,9] [--tasks digits,diamonds]`. */
export async function benchOfflinePolicy(words: readonly string[]): Promise<string> {
  const plan = planOf(words);
  const { seeds, tasks } = plan;
  const policy = policyDigest();
  const path = resultPath('offline-policy-runs.jsonl');
  const done = readOutcomes(path).filter(
    (outcome) => outcome.policy === policy && seeds.includes(outcome.seed) && tasks.includes(outcome.task),
  );
  const missing = missingRuns(plan, done);
  if (missing.length > 0) {
    const cluster = await startTestCluster({ slots: 4 });
    try {
      for (const task of new Set(missing.map((one) => one.task)))
        await mustEndWell(cluster, 'task', 'import', join('tasks', task));
      for (const one of missing) {
        const outcome = { policy, ...one, ...(await runOnce(cluster, one)) };
        mkdirSync(dirname(path), { recursive: true });
        appendFileSync(path, `${JSON.stringify(outcome)}\n`);
        process.stderr.write(`${one.task} seed ${one.seed} ${one.arm}: ${outcome.final} in ${outcome.seconds} s\n`);
        done.push(outcome);
      }
    } finally {
      await cluster.stop();
    }
  }
  return report(done, plan, policy);
}

/** Which runs are wanted. */
export interface BenchPlan {
  readonly seeds: readonly number[];
  readonly tasks: readonly TaskName[];
}

/** Reads the words of the command line: a number of seeds, or seeds as `3-5,9`; all tasks, or those named. Throws with the usage. */
export function planOf(words: readonly string[]): BenchPlan {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { seeds: { type: 'string' }, tasks: { type: 'string' } },
  });
  const upTo = (last: number, first = 1): number[] =>
    Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  const seeds = values.seeds?.split(',').flatMap((part) => {
    const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    return upTo(Number(last), Number(first));
  });
  const chosen = seeds ?? upTo(Number(positionals[0] ?? defaultSeeds));
  const named = values.tasks?.split(',') ?? [...allTasks];
  const tasks = allTasks.filter((task) => named.includes(task));
  if (positionals.length > 1 || chosen.length === 0 || chosen.some((seed) => seed < 1) || tasks.length < named.length) {
    throw new Error(`usage: offline-policy [SEEDS] [--seeds 3-5,9] [--tasks ${allTasks.join(',')}]`);
  }
  return { seeds: [...new Set(chosen)], tasks };
}

/** Names the policy and the options that outcomes were made with. */
function policyDigest(): string {
  const folder = join(root, 'llm-gateway', 'upstream', 'offline-policy');
  const hash = createHash('sha256').update(options);
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.includes('.test.'));
  for (const name of sources.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

type Planned = Pick<Outcome, 'task' | 'seed' | 'arm'>;

/** Arms take turns within a task and a seed, so that a change of the machine's load meets both. */
function missingRuns({ seeds, tasks }: BenchPlan, done: readonly Outcome[]): Planned[] {
  const all = seeds.flatMap((seed) => tasks.flatMap((task) => armNames.map((arm) => ({ task, seed, arm }))));
  return all.filter((one) => !done.some((it) => it.task === one.task && it.seed === one.seed && it.arm === one.arm));
}

function readOutcomes(path: string): Outcome[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => outcomeSchema.parse(JSON.parse(line)));
}

const runSchema = z.object({
  run: z.object({
    candidatesScored: z.number(),
    attemptsFailed: z.number(),
    elapsedSeconds: z.number(),
    verdict: z.object({
      lowerIsBetter: z.boolean(),
      baselineValidationScore: z.number(),
      finalScore: z.number(),
      finalists: z.array(z.object({ validationScore: z.number(), testScore: z.number() })).min(1),
      ensemble: z.object({ selected: z.boolean(), testScore: z.number().nullable() }).nullable(),
    }),
  }),
});

async function runOnce(cluster: TestCluster, { task, seed, arm }: Planned) {
  const words = [...options.split(' '), '--seed', String(seed), '--operators', arms[arm]];
  const { run } = runSchema.parse(await cluster.json('run', task, ...words));
  const { verdict } = run;
  const [winner] = verdict.finalists;
  if (winner === undefined) throw new Error(`${task}, seed ${seed}, ${arm}: no candidate is valid`);
  const ensemble = verdict.ensemble?.selected === true;
  return {
    scored: run.candidatesScored,
    failed: run.attemptsFailed,
    seconds: Math.round(run.elapsedSeconds),
    lowerIsBetter: verdict.lowerIsBetter,
    baseline: verdict.baselineValidationScore,
    final: verdict.finalScore,
    ensemble,
    single: winner.validationScore,
    test: (ensemble ? verdict.ensemble?.testScore : undefined) ?? winner.testScore,
  };
}

async function mustEndWell(cluster: TestCluster, ...words: string[]): Promise<void> {
  const { code, stderr } = await cluster.run(...words);
  if (code !== 0) throw new Error(`doubleblind ${words.join(' ')} ended with ${code}: ${stderr}`);
}

const figures = {
  final: 'handed in, validation',
  single: 'best program, validation',
  test: 'handed in, test',
} as const;
type Figure = keyof typeof figures;

interface Comparison {
  readonly task: string;
  readonly figure: Figure;
  readonly baseline: number;
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
  const of = (arm: Arm): Outcome[] => own.filter((outcome) => outcome.arm === arm);
  const search = spreadOf(of('search').map((outcome) => outcome[figure]));
  const drafts = spreadOf(of('drafts').map((outcome) => outcome[figure]));
  const gains = of('search').flatMap((one) => {
    const other = of('drafts').find((it) => it.seed === one.seed);
    if (other === undefined) return [];
    return first.lowerIsBetter ? other[figure] - one[figure] : one[figure] - other[figure];
  });
  const medianAhead = better(search.median, drafts.median);
  const ahead = gains.filter((gain) => gain > 0).length;
  return { task, figure, baseline: first.baseline, search, drafts, gain: spreadOf(gains), ahead, medianAhead };
}

function report(outcomes: readonly Outcome[], { seeds, tasks }: BenchPlan, policy: string): string {
  const rows = tasks.flatMap((task) => (Object.keys(figures) as Figure[]).map((it) => compare(task, it, outcomes)));
  const shown = ({ median, low, high }: Spread): string =>
    `${median.toPrecision(4)} (${low.toPrecision(4)}–${high.toPrecision(4)})`;
  const header = ['task, figure', 'baseline', 'drafts', 'search', 'better by, in pairs', 'search ahead'];
  const lines = rows.map(({ task, figure, baseline, drafts, search, gain, ahead }) => [
    `${task}, ${figures[figure]}`,
    figure === 'test' ? '' : baseline.toPrecision(4),
    shown(drafts),
    shown(search),
    shown(gain),
    `${ahead} of ${seeds.length}`,
  ]);
  const path = writeResults('offline-policy', { policy, seeds, options, rows, outcomes }, chart(outcomes, tasks));
  const times = tasks.map((task) => `${task} ${spreadOf(secondsOf(outcomes, task)).median} s`).join(', ');
  const head = `Median (range) of ${seeds.length} seeds, 16 candidates a run. A run took, in the median: ${times}.\n`;
  const text = `${head}${textTable([header, ...lines])}${path}\n`;
  const behind = rows.filter((row) => row.figure === 'final' && !row.medianAhead).map((row) => row.task);
  if (behind.length > 0) throw new Error(`the search is not ahead of drafts on ${behind.join(', ')}\n${text}`);
  return text;
}

function secondsOf(outcomes: readonly Outcome[], task: TaskName): number[] {
  return outcomes.filter((outcome) => outcome.task === task).map(({ seconds }) => seconds);
}

function chart(outcomes: readonly Outcome[], tasks: readonly TaskName[]): string {
  const groups = tasks.map((task) => ({
    title: `${task}: validation score of what is handed in`,
    strips: armNames.map((arm, series) => {
      const values = outcomes.filter((one) => one.task === task && one.arm === arm).map((one) => one.final);
      return { label: arm, values, median: spreadOf(values).median, series };
    }),
  }));
  return stripChart('The offline policy: search and independent drafts', groups);
}
