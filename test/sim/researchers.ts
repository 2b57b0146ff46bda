// The clients of a simulated world: each asks for a run until it is there, and one of them goes on from the first run as soon
// as that has something to begin with.

import { limits, task } from '../../coordinator/core/machine.test-support.ts';
import { defaultOptions } from '../../coordinator/core/options.ts';
import type { Task } from '../../coordinator/core/task.ts';
import { forkRun } from '../../coordinator/rpc/fork-run.ts';
import { runId } from '../../shared/core/ids.ts';
import { nextFloat, nextInt, type Rng, seedRng } from '../../shared/core/rng.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { SimCoordinator } from './coordinator.ts';
import type { SimEvaluator } from './evaluator.ts';
import { scoreQueries, simTasks } from './evaluator-task.ts';
import type { History } from './history.ts';
import type { Timeline } from './timeline.ts';

const forkShare = 0.4;
/** In every third world attempts ask for scores during their work; all others are as they are without. */
const looksEvery = 3;
/** In every fourth world runs have so many dollars: enough for some attempts, not for all. */
const [dollarsEvery, fewDollars] = [4, 0.25];
const forkRequest = 'the fork';
const askAgainMs = 2000;
/** A run that was killed before it had a score gives nothing to begin with. */
const mostAsks = 60;

/** In every fifth world the winner is refitted. */
const refitEvery = 5;

function taskOf(seed: number): Task {
  const { version, description } = seed % refitEvery === 0 ? simTasks.refitted : simTasks.plain;
  const { name, metric, lowerIsBetter, refit } = description;
  return { ...task, name, metric, lowerIsBetter, refit, version };
}

/** Of a fork: everything else is as in its origin, and a seed of its own keeps the world the same at every replay. */
const forkOptions = {
  ...{ wallSeconds: 0, dollars: 0, tokens: 0, slotHours: 0, parallelAttempts: 0, temperature: 0, finalists: 0 },
  ...{ model: '', guidance: '', operators: [], limits: null, seed: 3 },
};

/** What they see of the world. */
export interface Workplace {
  readonly timeline: Timeline;
  readonly coordinator: SimCoordinator;
  readonly evaluator: SimEvaluator;
  readonly history: History;
  fail(problem: string): void;
}

export class Researchers {
  private readonly world: Workplace;
  private readonly rng: Rng;
  private readonly seed: number;
  private readonly runs: number;
  private readonly forks: boolean;
  private made = 0;
  private gaveUp: boolean = false;

  constructor(world: Workplace, seed: number) {
    this.world = world;
    this.seed = seed;
    this.rng = seedRng(`researchers ${seed}`);
    this.runs = 1 + nextInt(this.rng, 2);
    this.forks = nextFloat(this.rng) < forkShare;
  }

  begin(): void {
    for (let number = 0; number < this.runs; number += 1) this.ask(number, 6 + nextInt(this.rng, 8));
    if (this.forks) this.world.timeline.after(nextFloat(this.rng) * 30_000, () => this.askForFork(0));
  }

  /** True once everything that they wanted is there and has ended. */
  get done(): boolean {
    const { history } = this.world;
    const wanted = this.runs + (this.forks && !this.gaveUp ? 1 : 0);
    return history.runIds.length >= wanted && history.open === 0;
  }

  private ask(number: number, candidates: number): void {
    const { coordinator, history, timeline } = this.world;
    const id = runId(`run-${number}`);
    if (history.has(id)) return;
    const options = { ...defaultOptions, limits, seed: this.seed, candidates, wallSeconds: 0 };
    const looks = this.seed % looksEvery === 0 ? { scoreQueries } : {};
    const money = this.seed % dollarsEvery === 0 ? { dollars: fewDollars } : {};
    const about = { runId: id, requestId: id, task: taskOf(this.seed), options: { ...options, ...looks, ...money } };
    const event = { kind: 'runCreated', ...about } as const;
    coordinator.actor?.post(event).catch(() => undefined);
    timeline.after(coordinator.process === undefined ? 500 : askAgainMs, () => this.ask(number, candidates));
  }

  private askForFork(asks: number): void {
    const { coordinator, history, timeline } = this.world;
    if (history.forks > 0) return;
    if (asks > mostAsks) {
      this.gaveUp = true;
      return;
    }
    const { actor, process } = coordinator;
    if (actor !== undefined && process !== undefined) {
      const request = { requestId: forkRequest, runId: 'run-0', top: 3, options: { ...forkOptions, candidates: 4 } };
      const evaluator = this.world.evaluator.port(process);
      forkRun(
        {
          stage: actor,
          evaluator,
          models: { modelNames: () => Promise.resolve({ names: [], isWhole: false }) },
          owner: 'researcher',
        },
        request,
        () => runId(`fork-${++this.made}`),
      ).catch((error: unknown) => {
        // The coordinator or the evaluator is away, or there is nothing to begin with yet.
        if (process.alive && !(error instanceof RpcFault)) this.world.fail(`a fork failed: ${String(error)}`);
      });
    }
    timeline.after(askAgainMs, () => this.askForFork(asks + 1));
  }
}
