// `npm run bench -- dispatch`: jobs of random length on many slots, given out by ours and by peers; the next job is decided
// only when one has ended. Every contestant does every load in every round, in turn; one round before them does not count.
//
// Ours goes the whole durable way (bench/dispatch/ours.ts), with one trajectory a slot, where the next lease is decided
// when a slot's job has ended, and with two, the default, where the next one waits for the slot by then.
// Computed beside them: the greedy bound, in which nothing takes time but the jobs, and generations.

import { startBull } from './dispatch/bullmq.ts';
import type { Contestant, StartContestant } from './dispatch/contestant.ts';
import { startDask } from './dispatch/dask.ts';
import { durationsMs, generationsMs, greedyMs, judge, type Load, type Outcome } from './dispatch/jobs.ts';
import { startOurs } from './dispatch/ours.ts';
import { startRawGrpc } from './dispatch/raw-grpc.ts';
import { processorSeconds } from './processor-time.ts';
import { type BenchReport, barChart, textTable, writeResults } from './results.ts';
import { inTurn } from './rounds.ts';
import { spreadOf } from './statistics.ts';

const contestants = {
  'doubleblind, 1 a slot': startOurs(1),
  'doubleblind, 2 a slot': startOurs(2),
  'BullMQ, fsync always': startBull('always'),
  'BullMQ, fsync each second': startBull('everysec'),
  'Dask distributed': startDask,
  'raw gRPC stream': startRawGrpc,
} as const satisfies Record<string, StartContestant>;
type Name = keyof typeof contestants;

const meanMs = 150;
const defaultRounds = 5;
/** Jobs that take no time, so that the dispatcher is all that is measured. */
const emptyJobs = 1000;
/** What we promise of ours. */
const promised = { stretch: 1.02, idleMedianMs: 3, idleHighMs: 12 };
const ours: readonly Name[] = ['doubleblind, 1 a slot', 'doubleblind, 2 a slot'];
const beaten: readonly Name[] = ['BullMQ, fsync always', 'Dask distributed'];

/** Where `all` is set also 8 slots with 1,600 jobs, half a minute for each contestant and round. */
function loadsOf(slots: number, all: boolean): Load[] {
  const counts = slots === 8 && !all ? [400] : [400, 1600];
  const timed = counts.flatMap((jobs) => [0.5, 1].map((sigma) => ({ slots, jobs, meanMs, sigma })));
  return [...timed, { slots, jobs: emptyJobs, meanMs: 0, sigma: 0 }];
}

/** An outcome, with the processor time of the contestant's processes for each job. */
interface Measured extends Outcome {
  readonly processorMs: number;
}

interface Row {
  readonly load: Load;
  readonly measured: Readonly<Partial<Record<Name, readonly Measured[]>>>;
}

interface Wanted {
  readonly rounds: number;
  readonly all: boolean;
  readonly slots: readonly number[];
  readonly names: readonly Name[];
}

/** `npm run bench -- dispatch [--rounds N] [--all] [--slots 8|64] [--only TEXT]`. */
export async function benchDispatch(words: readonly string[]): Promise<BenchReport> {
  const wanted = readWords(words);
  const rows: Row[] = [];
  const missing: string[] = [];
  for (const slots of wanted.slots) rows.push(...(await benchSlots(slots, wanted, missing)));
  return report(rows, wanted, [...new Set(missing)]);
}

function readWords(words: readonly string[]): Wanted {
  const after = (flag: string): string | undefined =>
    words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined;
  const rounds = Number(after('--rounds') ?? defaultRounds);
  const slots = after('--slots');
  const only = after('--only') ?? '';
  const names = (Object.keys(contestants) as Name[]).filter((name) => name.includes(only));
  if (!(rounds > 0) || names.length === 0) {
    throw new RangeError('takes --rounds N, --all, --slots 8 or 64, --only TEXT of a contestant');
  }
  return { rounds, all: words.includes('--all'), slots: slots === undefined ? [8, 64] : [Number(slots)], names };
}

/** All contestants are started once and stay: a round finds them warm. */
async function benchSlots(slots: number, { names, rounds, all }: Wanted, missing: string[]): Promise<Row[]> {
  const running = new Map<Name, Contestant>();
  try {
    for (const name of names) {
      const contestant = await start(name, slots, missing);
      if (contestant !== undefined) running.set(name, contestant);
    }
    const loads = loadsOf(slots, all);
    // Programs are compiled as they run: a few jobs more than the first round of the real ones needs.
    for (const contestant of running.values()) await contestant.run({ slots, jobs: emptyJobs, meanMs: 0, sigma: 0 });
    const rows: Row[] = [];
    for (const load of loads) {
      const turns = [...running].map(([name, contestant]) => [name, () => once(contestant, load)] as const);
      const measured = await inTurn(rounds, Object.fromEntries(turns) as Record<Name, () => Promise<Measured>>);
      const row = { load, measured };
      process.stderr.write(`… ${describe(load)}\n${textTable(linesOf(row))}`);
      rows.push(row);
    }
    return rows;
  } finally {
    for (const contestant of running.values()) await contestant.stop();
  }
}

async function start(name: Name, slots: number, missing: string[]): Promise<Contestant | undefined> {
  try {
    return await contestants[name](slots);
  } catch (error) {
    if (ours.includes(name)) throw error;
    missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function once(contestant: Contestant, load: Load): Promise<Measured> {
  const before = processorSeconds(contestant.processes);
  const outcome = judge(load, await contestant.run(load));
  const processorMs = (1000 * (processorSeconds(contestant.processes) - before)) / load.jobs;
  return { ...outcome, processorMs };
}

function describe({ slots, jobs, meanMs: mean, sigma }: Load): string {
  return `${slots} slots, ${jobs} jobs, ${mean === 0 ? 'of no length' : `sigma ${sigma}`}`;
}

function linesOf({ load, measured }: Row): string[][] {
  const spread = (name: Name, figure: keyof Measured, digits: number): string => {
    const { median, low, high } = spreadOf((measured[name] ?? []).map((one) => one[figure]));
    return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
  };
  const timed = load.meanMs > 0;
  const durations = durationsMs(load);
  const bound = greedyMs(durations, load.slots);
  const computed = [
    ['generations (computed)', (generationsMs(durations, load.slots) / bound).toFixed(3), '', '', '', ''],
  ];
  const lines = (Object.keys(measured) as Name[]).map((name) => [
    name,
    timed ? spread(name, 'stretch', 3) : '',
    timed ? spread(name, 'idleMedianMs', 1) : '',
    timed ? spread(name, 'idleHighMs', 1) : '',
    spread(name, 'perSecond', 0),
    spread(name, 'processorMs', 2),
  ]);
  return [...lines, ...(timed ? computed : [])];
}

function medianOf(row: Row, name: Name, figure: keyof Measured): number | undefined {
  const values = row.measured[name]?.map((one) => one[figure]) ?? [];
  return values.length === 0 ? undefined : spreadOf(values).median;
}

/** What does not hold of what we promise. */
function brokenOf(row: Row): string[] {
  const broken: string[] = [];
  const best = (figure: keyof Measured, pick: (...values: number[]) => number): number | undefined => {
    const values = ours.map((name) => medianOf(row, name, figure)).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : pick(...values);
  };
  const say = (text: string): void => void broken.push(`${describe(row.load)}: ${text}`);
  const more = best('perSecond', Math.max);
  for (const name of beaten) {
    const theirs = medianOf(row, name, 'perSecond');
    if (more !== undefined && theirs !== undefined && theirs > more) say(`${name} is ahead`);
  }
  if (row.load.meanMs === 0) return broken;
  for (const figure of ['stretch', 'idleMedianMs', 'idleHighMs'] as const) {
    const value = best(figure, Math.min);
    if (value !== undefined && value > promised[figure])
      say(`${figure} is ${value.toFixed(3)}, not ${promised[figure]}`);
  }
  return broken;
}

function report(rows: readonly Row[], { rounds }: Wanted, missing: readonly string[]): BenchReport {
  const head = ['', 'makespan / greedy bound', 'idle, median ms', 'idle, p99 ms', 'jobs/s', 'processor ms a job'];
  const tables = rows.map((row) => `${describe(row.load)}\n${textTable([head, ...linesOf(row)])}`);
  const bars = rows
    .filter(({ load }) => load.meanMs > 0 && load.sigma === 1)
    .flatMap((row) =>
      (Object.keys(row.measured) as Name[]).map((name, series) => ({
        label: `${row.load.slots} × ${row.load.jobs}: ${name}`,
        value: medianOf(row, name, 'stretch') ?? 0,
        series,
      })),
    );
  const svg = bars.length === 0 ? undefined : barChart('Makespan as a multiple of the greedy bound, sigma 1', '', bars);
  const path = writeResults('dispatch', { meanMs, rounds, missing, rows }, svg);
  const lead = `Median (range) of ${rounds} rounds; jobs of ${meanMs} ms in the mean. Processor time is that of the dispatcher's and the workers' processes, without the producer's of BullMQ and raw gRPC.\n`;
  const absent = missing.map((line) => `missing: ${line}\n`).join('');
  return { text: `${lead}\n${tables.join('\n')}${absent}${path}\n`, broken: rows.flatMap(brokenOf) };
}
