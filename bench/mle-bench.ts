// `npm run bench -- mle-bench [--gateway-config FILE] [--model NAME] [--budget 24h] [--candidates N] [--dollars N] [--slots N]
// [--seeds 3] [--leaderboards DIR] [-o DIR] COMPETITION…`: competitions that MLE-bench prepared (directories with
// prepared/public and prepared/private), searched by a real cluster on this machine, three seeds each. It writes, for each
// seed, submissions.jsonl for `mlebench grade` and one report a competition, and what it would take to repeat the paper's tables.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { startTestCluster, type TestCluster } from '../test/support/cluster.ts';
import { paperNeeds } from './mle-bench-plan.ts';
import { type BenchReport, resultPath, textTable, writeResults } from './results.ts';

/** The default of `slots.trajectoriesPerSlot`. */
const trajectoriesPerSlot = 2;

const runSchema = z.object({
  run: z.object({
    runId: z.string(),
    candidatesScored: z.number(),
    attemptsFailed: z.number(),
    elapsedSeconds: z.number(),
  }),
});
const costSchema = z.object({ total: z.object({ wallSeconds: z.number(), dollars: z.number() }) });
const reportSchema = z.object({
  competition_id: z.string(),
  score: z.number().nullable(),
  valid_submission: z.boolean(),
});

interface Outcome {
  readonly competition: string;
  readonly seed: number;
  readonly score: number | null;
  readonly valid: boolean;
  readonly candidates: number;
  readonly failed: number;
  readonly hours: number;
  /** Hours of attempts, those that ran side by side added up. */
  readonly laneHours: number;
  readonly dollars: number;
}

function readWords(words: readonly string[]) {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      'gateway-config': text,
      model: text,
      budget: text,
      candidates: text,
      dollars: text,
      slots: text,
      seeds: { ...text, default: '3' },
      leaderboards: text,
      output: { ...text, short: 'o', default: resultPath('mle-bench') },
    },
  });
  const seeds = Number(values.seeds);
  if (positionals.length === 0 || !(seeds >= 1)) {
    throw new RangeError('takes directories of competitions that MLE-bench prepared, and flags (bench/mle-bench.ts)');
  }
  return { ...values, seeds, output: resolve(values.output), competitions: positionals.map((path) => resolve(path)) };
}
type Wanted = ReturnType<typeof readWords>;

/** `npm run bench -- mle-bench … COMPETITION…`. */
export async function benchMleBench(words: readonly string[]): Promise<BenchReport> {
  const wanted = readWords(words);
  const gateway = wanted['gateway-config'];
  const flags = gateway === undefined ? [] : ['--gateway-config', resolve(gateway)];
  const cluster = await startTestCluster({ slots: Number(wanted.slots ?? 2), flags });
  const outcomes: Outcome[] = [];
  try {
    for (const directory of wanted.competitions) {
      const task = await importTask(cluster, directory);
      for (let seed = 1; seed <= wanted.seeds; seed += 1) {
        outcomes.push(await searchOnce(cluster, wanted, { task, seed }));
        process.stderr.write(`… ${lineOf(outcomes.at(-1) as Outcome).join('  ')}\n`);
      }
    }
  } finally {
    await cluster.stop();
  }
  for (let seed = 1; seed <= wanted.seeds; seed += 1) joinSubmissions(wanted.output, seed);
  return report(outcomes, wanted.output);
}

/** Imports it and gives the name that it has as a task. */
async function importTask(cluster: TestCluster, directory: string): Promise<string> {
  const names = async (): Promise<string[]> => {
    const tasks = z.array(z.looseObject({ name: z.string() })).parse(await cluster.json('task', 'ls'));
    return tasks.map(({ name }) => name);
  };
  const before = new Set(await names());
  const { code, stderr } = await cluster.run('task', 'import', directory);
  if (code !== 0) throw new Error(`${directory} cannot be imported:\n${stderr}`);
  const added = (await names()).find((name) => !before.has(name));
  if (added === undefined) throw new Error(`${directory} is imported under a name that was there before`);
  return added;
}

function seedFolder(output: string, seed: number): string {
  return join(output, `seed-${seed}`);
}

async function searchOnce(
  cluster: TestCluster,
  wanted: Wanted,
  { task, seed }: { readonly task: string; readonly seed: number },
): Promise<Outcome> {
  const limits = (['model', 'budget', 'candidates', 'dollars'] as const).flatMap((flag) => {
    const value = wanted[flag];
    return value === undefined ? [] : [`--${flag}`, value];
  });
  const { run } = runSchema.parse(await cluster.json('run', task, '--seed', String(seed), ...limits));
  const folder = join(seedFolder(wanted.output, seed), task);
  mkdirSync(folder, { recursive: true });
  const leaderboard = join(wanted.leaderboards ?? '', `${task}.csv`);
  const known = wanted.leaderboards !== undefined && existsSync(leaderboard) ? ['--leaderboard', leaderboard] : [];
  const { code, stderr } = await cluster.run('report', run.runId, '--mle-bench', ...known, '-o', folder);
  if (code !== 0) throw new Error(`the report of ${run.runId} failed:\n${stderr}`);
  const written = reportSchema.parse(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')));
  const { total } = costSchema.parse(await cluster.json('cost', run.runId));
  return {
    ...{ competition: written.competition_id, seed, score: written.score, valid: written.valid_submission },
    ...{ candidates: run.candidatesScored, failed: run.attemptsFailed, hours: run.elapsedSeconds / 3600 },
    ...{ laneHours: total.wallSeconds / 3600, dollars: total.dollars },
  };
}

/** One file a seed for `mlebench grade`, beside the folders of its competitions. */
function joinSubmissions(output: string, seed: number): void {
  const folder = seedFolder(output, seed);
  const lines = readdirSync(folder).flatMap((name) => {
    const path = join(folder, name, 'submissions.jsonl');
    return existsSync(path) ? [readFileSync(path, 'utf8').trimEnd()] : [];
  });
  writeFileSync(join(folder, 'submissions.jsonl'), `${lines.join('\n')}\n`);
}

function lineOf(outcome: Outcome): string[] {
  const { competition, seed, score, valid, candidates, failed, hours, dollars } = outcome;
  const shown = score === null ? '' : String(score);
  return [
    competition,
    String(seed),
    shown,
    valid ? 'yes' : 'no',
    `${candidates} + ${failed}`,
    hours.toFixed(2),
    dollars.toFixed(2),
  ];
}

function report(outcomes: readonly Outcome[], output: string): BenchReport {
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  const recorded = {
    laneHours: sum(({ laneHours }) => laneHours),
    dollars: sum(({ dollars }) => dollars),
    candidates: sum(({ candidates }) => candidates),
    trajectoriesPerSlot,
  };
  const needs = paperNeeds(recorded);
  const path = writeResults('mle-bench', { outcomes, recorded, needs });
  const head = ['competition', 'seed', 'score', 'valid', 'scored + failed', 'hours', 'dollars'];
  const needHead = ["to repeat the paper's", 'GPU-hours', 'hosts for 30 days', 'candidates', 'dollars for the model'];
  const needLines = needs.map(({ arm, gpuHours, hosts, candidates, dollars }) => [
    ...[arm, String(gpuHours), String(hosts), String(candidates), dollars.toFixed(0)],
  ]);
  const tables = `${textTable([head, ...outcomes.map(lineOf)])}\nAt the pace and the price of these runs:\n${textTable([needHead, ...needLines])}`;
  const next = `mlebench grade --submission ${join(seedFolder(output, 1), 'submissions.jsonl')} --output-dir …\n`;
  const broken = outcomes
    .filter(({ valid }) => !valid)
    .map(({ competition, seed }) => `${competition}, seed ${seed}: no valid submission`);
  return { text: `${tables}${next}${path}\n`, broken };
}
