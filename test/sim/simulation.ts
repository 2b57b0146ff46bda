// Runs one seed: faults for a while, then peace until every run has ended and no host holds anything, or patience ends.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Nemesis } from './nemesis.ts';
import type { SabotageKind } from './sabotage.ts';
import { World } from './world.ts';

const periods = 3;
/** Deeper than the longest chain of promises behind one message. */
const hops = 20;
/** How long after the last fault the runs may take to end; some attempts wait for a minute after setbacks. */
const patienceMs = 280_000;

export interface Outcome {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly strikes: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly virtualMs: number;
  readonly events: number;
  readonly leases: number;
  readonly lost: number;
  readonly scored: number;
  readonly forks: number;
  readonly kills: number;
  readonly refits: number;
  readonly staleReports: number;
  /** Turns that providers were asked for. */
  readonly turns: number;
  /** Scores that attempts got during their work. */
  readonly looks: number;
}

export interface SimulationOptions {
  /** Where keys and bundles of the evaluator lie; a place of its own unless stated. */
  readonly evaluatorDirectory?: string;
  readonly sabotage?: SabotageKind | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

/** Equal seeds give equal outcomes. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const { evaluatorDirectory } = options;
  if (evaluatorDirectory !== undefined) return await live(seed, { ...options, evaluatorDirectory });
  return await inEvaluatorDirectory((made) => live(seed, { ...options, evaluatorDirectory: made }));
}

/** Makes a place for keys and bundles, and removes it afterwards. */
export async function inEvaluatorDirectory<Value>(work: (directory: string) => Promise<Value>): Promise<Value> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-sim-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function live(
  seed: number,
  options: SimulationOptions & { readonly evaluatorDirectory: string },
): Promise<Outcome> {
  const world = new World({ seed, ...options });
  const nemesis = new Nemesis(world, seed);
  try {
    await world.open();
    nemesis.start(periods);
    const untilMs = (periods + 1) * 12_000 + patienceMs;
    const isOver = (): boolean => world.researchers.done && nemesis.over && world.leftOvers().length === 0;
    while (world.problems.length === 0 && !isOver()) {
      if (world.timeline.nowMs > untilMs || !world.timeline.advance()) {
        const { open, runIds } = world.history;
        const left = world.leftOvers().join(', ');
        world.fail(`after everything was mended ${open} of ${runIds.length} runs did not end; ${left}`);
      }
      await everythingSettled();
    }
    if (world.problems.length === 0) world.checkBooks();
    return {
      seed,
      problems: world.problems,
      strikes: nemesis.strikes,
      steps: world.timeline.steps,
      virtualMs: world.timeline.nowMs,
      events: world.history.events,
      leases: world.history.leases,
      lost: world.history.lost,
      scored: world.history.scored().size,
      forks: world.history.forks,
      kills: world.history.kills,
      refits: world.history.refits,
      staleReports: world.history.staleReports,
      turns: world.gateway.provider.turns,
      looks: [...world.evaluator.looks.values()].reduce((sum, { size }) => sum + size, 0),
    };
  } finally {
    world.close();
  }
}

/**
 * Lets promises run on. Nothing in the simulation waits for anything but the timeline, so a chain that is longer than this
 * goes on with the next step: as on a slow processor, and the same at every replay.
 */
async function everythingSettled(): Promise<void> {
  for (let hop = 0; hop < hops; hop += 1) await undefined;
}
