// `npm run bench -- utilisation`: how much of the time a slot computes while agents think, with the agent's own slot lock over
// virtual time. A trajectory thinks, waits for the lock, computes, and so on; its last turn is the clean-slate run, which
// comes first in the queue; then the lane stands empty for a moment until the next attempt is there.
//
// Beside it: one trajectory that holds the slot while it thinks, as in the paper, and, where times are exponential, what
// queueing theory says of a machine with n clients (M/M/1//n), so that the simulation can be believed.

import { createSlotLock } from '../gpu-agent/core/slot-lock.ts';
import { nextFloat, nextNormal, type Rng, seedRng } from '../shared/core/rng.ts';
import { Timeline } from '../test/sim/timeline.ts';
import { type BenchReport, barChart, textTable, writeResults } from './results.ts';

const thinkRatios = [0.25, 1, 4];
const lanes = [1, 2, 3, 4];
/** Median seconds of one computation, and turns of an attempt with its clean-slate run. */
const [runSeconds, turns] = [60, 9];
/** Result, score, lease, sandbox: the lane is empty meanwhile. */
const refillSeconds = 2;
const hours = 500;

type Spread = 'even' | 'wide' | 'exponential';
const spreads: readonly Spread[] = ['even', 'wide', 'exponential'];

/** A time of that mean: within some percent; log-normal with a heavy tail (one in ten is twice the median); exponential. */
function sample(rng: Rng, mean: number, spread: Spread): number {
  if (spread === 'exponential') return -mean * Math.log(1 - nextFloat(rng));
  const sigma = spread === 'even' ? 0.1 : 0.55;
  return mean * Math.exp(sigma * nextNormal(rng) - sigma ** 2 / 2);
}

interface Utilisation {
  readonly think: number;
  readonly lanes: number;
  readonly spread: Spread;
  readonly busy: number;
  /** Of M/M/1//n, without the time between attempts; only where times are exponential. */
  readonly theory: number | undefined;
  /** One trajectory that holds the slot while it thinks. */
  readonly held: number;
}

async function simulate(think: number, count: number, spread: Spread): Promise<number> {
  const timeline = new Timeline();
  const rng = seedRng(`${think} ${count} ${spread}`);
  const lock = createSlotLock();
  const never = new AbortController().signal;
  let busySeconds = 0;
  const wait = (seconds: number): Promise<void> =>
    new Promise((resolve) => timeline.after(seconds * 1000, () => resolve()));
  const lane = async (): Promise<void> => {
    for (;;) {
      for (let turn = 1; turn <= turns; turn += 1) {
        await wait(sample(rng, think * runSeconds, spread));
        const release = await lock.acquire(turn === turns ? 'cleanSlate' : 'tool', never);
        const seconds = sample(rng, runSeconds, spread);
        await wait(seconds);
        busySeconds += seconds;
        release();
      }
      await wait(refillSeconds);
    }
  };
  for (let number = 0; number < count; number += 1) void lane();
  const endMs = hours * 3_600_000;
  // What a step sets free runs in microtasks, all of it before the next step.
  while (timeline.nowMs < endMs && timeline.advance()) await new Promise((resolve) => setImmediate(resolve));
  return (1000 * busySeconds) / timeline.nowMs;
}

/** The busy share of a machine whose n clients think for `think` times as long as they compute, all times exponential. */
function busyByTheory(think: number, count: number): number {
  let [term, sum] = [1, 1];
  for (let waiting = 1; waiting <= count; waiting += 1) {
    term *= (count - waiting + 1) / think;
    sum += term;
  }
  return 1 - 1 / sum;
}

/** `npm run bench -- utilisation`. */
export async function benchUtilisation(): Promise<BenchReport> {
  const results: Utilisation[] = [];
  for (const spread of spreads) {
    for (const think of thinkRatios) {
      for (const count of lanes) {
        const theory = spread === 'exponential' ? busyByTheory(think, count) : undefined;
        const busy = await simulate(think, count, spread);
        results.push({ think, lanes: count, spread, busy, theory, held: 1 / (1 + think) });
      }
    }
  }
  const percent = (share: number | undefined): string => (share === undefined ? '' : `${(100 * share).toFixed(1)} %`);
  const rows = results.map(({ think, lanes: count, spread, busy, theory, held }) => [
    ...[spread, `${think} ×`, String(count), percent(busy), percent(theory), percent(held)],
  ]);
  const bars = results
    .filter(({ think }) => think === 1)
    .map(({ spread, lanes: count, busy }) => ({
      label: `${spread}, ${count} a slot`,
      value: 100 * busy,
      series: count - 1,
    }));
  const path = writeResults(
    'utilisation',
    { runSeconds, turns, refillSeconds, hours, results },
    barChart('Busy share of a slot where thinking takes as long as computing', '%', bars),
  );
  const head = ['times', 'think', 'a slot', 'busy', 'theory', '1:1, slot held'];
  const text = `Share of the time that a slot computes, over ${hours} hours of virtual time.\n${textTable([head, ...rows])}${path}\n`;
  const promised = results.find(({ spread, think, lanes: count }) => spread === 'even' && think === 1 && count === 2);
  const holds = promised !== undefined && promised.busy >= 0.95;
  return { text, broken: holds ? [] : ['two trajectories with even times keep a slot busy for less than 95 %'] };
}
