// Many seeds, and what came of them in a sentence.

import { inEvaluatorDirectory, type Outcome, simulate } from './simulation.ts';

export interface Summary {
  /** Seeds with what they found. */
  readonly failures: readonly string[];
  readonly strikes: ReadonlyMap<string, number>;
  readonly staleReports: number;
  readonly lost: number;
  readonly text: string;
}

/** Runs `count` seeds from `first` on; `onSeed` hears of each. */
export function simulateMany(
  first: number,
  count: number,
  onSeed: (outcome: Outcome) => void = () => undefined,
): Promise<Summary> {
  return inEvaluatorDirectory((directory) => simulateIn(directory, first, count, onSeed));
}

async function simulateIn(
  evaluatorDirectory: string,
  first: number,
  count: number,
  onSeed: (outcome: Outcome) => void,
): Promise<Summary> {
  const failures: string[] = [];
  const strikes = new Map<string, number>();
  const sums = {
    virtualMs: 0,
    steps: 0,
    events: 0,
    leases: 0,
    lost: 0,
    scored: 0,
    forks: 0,
    kills: 0,
    refits: 0,
    staleReports: 0,
    looks: 0,
    turns: 0,
  };
  for (let seed = first; seed < first + count; seed += 1) {
    const outcome = await simulate(seed, { evaluatorDirectory });
    for (const problem of outcome.problems) failures.push(`seed ${seed}: ${problem}`);
    for (const [name, times] of outcome.strikes) strikes.set(name, (strikes.get(name) ?? 0) + times);
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += outcome[name];
    onSeed(outcome);
    // Whoever runs us gets a word in between seeds.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const faults = [...strikes.values()].reduce((sum, times) => sum + times, 0);
  const text =
    `seeds ${first}–${first + count - 1}: ${(sums.virtualMs / 3_600_000).toFixed(1)} virtual hours, ${sums.steps} steps, ` +
    `${faults} faults, ${sums.leases} leases of which ${sums.lost} were lost, ${sums.scored} candidates scored, ${sums.refits} refitted, ${sums.forks} forks, ${sums.kills} kills, ` +
    `${sums.turns} turns of models, ${sums.looks} scores told during the work, ${sums.staleReports} stale reports and none taken, ${failures.length} problems`;
  return { failures, strikes, staleReports: sums.staleReports, lost: sums.lost, text };
}
