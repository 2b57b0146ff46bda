// The work that every dispatcher gets, and what is said of how it was done. Pure.
//
// Times are milliseconds of the machine's monotonic clock, which all of its processes share.

import { nextNormal, seedRng } from '../../shared/core/rng.ts';
import { quantileOf } from '../statistics.ts';

/** One setting of the benchmark. */
export interface Load {
  readonly slots: number;
  readonly jobs: number;
  readonly meanMs: number;
  /** Of the durations' logarithm. */
  readonly sigma: number;
}

/** One job as it was done. */
export interface Done {
  readonly job: number;
  /** Equal for jobs that were done one after the other in the same place. */
  readonly slot: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Slots of one worker process, as on a host with eight GPUs. */
export const slotsPerHost = 8;

/** Durations in the order in which jobs are given out; log-normal, the same for everybody. */
export function durationsMs({ jobs, meanMs, sigma }: Pick<Load, 'jobs' | 'meanMs' | 'sigma'>): number[] {
  const rng = seedRng(`dispatch ${jobs} ${meanMs} ${sigma}`);
  return Array.from({ length: jobs }, () => meanMs * Math.exp(sigma * nextNormal(rng) - sigma ** 2 / 2));
}

/** Makespan where a free slot gets the next job in no time: what no dispatcher that decides at an end can beat. */
export function greedyMs(durations: readonly number[], slots: number): number {
  const freeAt = Array.from({ length: slots }, () => 0);
  for (const duration of durations) {
    const earliest = freeAt.indexOf(Math.min(...freeAt));
    freeAt[earliest] = (freeAt[earliest] ?? 0) + duration;
  }
  return Math.max(...freeAt);
}

/** Makespan where a generation of one job a slot begins when the one before has ended. */
export function generationsMs(durations: readonly number[], slots: number): number {
  let sum = 0;
  for (let start = 0; start < durations.length; start += slots)
    sum += Math.max(...durations.slice(start, start + slots));
  return sum;
}

/** From the first start to the last end. */
export function makespanMs(done: readonly Done[]): number {
  return Math.max(...done.map(({ endMs }) => endMs)) - Math.min(...done.map(({ startMs }) => startMs));
}

/** Between the end of a job and the start of the next one in its slot. */
export function idlesMs(done: readonly Done[]): number[] {
  const slots = new Map<string, Done[]>();
  for (const one of done) slots.set(one.slot, [...(slots.get(one.slot) ?? []), one]);
  return [...slots.values()].flatMap((jobs) => {
    const inOrder = jobs.sort((left, right) => left.startMs - right.startMs);
    return inOrder.slice(1).map(({ startMs }, index) => startMs - (inOrder[index]?.endMs ?? startMs));
  });
}

/** What one contestant came to in one round. */
export interface Outcome {
  /** Multiple of the greedy bound. */
  readonly stretch: number;
  readonly idleMedianMs: number;
  readonly idleHighMs: number;
  readonly perSecond: number;
}

/** Throws where not every job was done exactly once. */
export function judge(load: Load, done: readonly Done[]): Outcome {
  const numbers = new Set(done.map(({ job }) => job));
  if (done.length !== load.jobs || numbers.size !== load.jobs) {
    throw new Error(`${numbers.size} of ${load.jobs} jobs were done, in ${done.length} runs`);
  }
  const took = makespanMs(done);
  const idles = idlesMs(done);
  return {
    stretch: took / greedyMs(durationsMs(load), load.slots),
    idleMedianMs: quantileOf(idles, 0.5),
    idleHighMs: quantileOf(idles, 0.99),
    perSecond: (1000 * load.jobs) / took,
  };
}
