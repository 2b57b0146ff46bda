// `npm run bench -- fleet`: a coordinator with a thousand hosts on one machine.
//
// The coordinator and the nats-server are the real processes; the hosts are the real agents over work that is nothing but time, in
// one process (main-fleet-hosts.ts) with a certificate, a gRPC server and a connection to NATS each; the stand-ins of evaluator and
// gateway are in another. Measured at a run that has just
// begun and at one with 10⁵ candidates: the coordinator's share of a processor, its memory, and how long a slot that becomes free waits
// for its next attempt. Beside it what one event costs at 10², 10³, 10⁴ and 10⁵ candidates (fleet/growth.ts).

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fleetChart } from './fleet/chart.ts';
import { startGrowing } from './fleet/growth.ts';
import { type Live, makeCertificates, measureLive } from './fleet/live.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';

/** What is promised: milliseconds, shares of a core, bytes. */
const promised = { refillMs: 20, core: 1, bytes: 1e9, growth: 1.5 } as const;
const sizes = [100, 1000, 10_000, 100_000];
/** Events are counted over the last part of the growth to each size, and small sizes again and again. */
const window = 0.2;
const repeats = new Map<number, number>([
  [100, 30],
  [1000, 5],
]);

interface Cost {
  readonly candidates: number;
  readonly events: number;
  readonly microseconds: number;
}

/** `npm run bench -- fleet [--hosts N] [--slots N] [--seconds N] [--lease SECONDS]`. */
export async function benchFleet(words: readonly string[]): Promise<BenchReport> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      hosts: { type: 'string', default: '1000' },
      slots: { type: 'string', default: '8' },
      job: { type: 'string', default: '60' },
      seconds: { type: 'string', default: '60' },
      settle: { type: 'string', default: '45' },
      lease: { type: 'string', default: '10' },
      most: { type: 'string', default: '100000' },
    },
  });
  const number = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (!(value > 0)) throw new RangeError(`--${name} takes a number above 0`);
    return value;
  };
  const plan = {
    ...{ hosts: number('hosts'), slots: number('slots'), jobSeconds: number('job') },
    ...{ seconds: number('seconds'), settleSeconds: number('settle'), leaseSeconds: number('lease') },
  };
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  try {
    const grownTo = sizes.filter((size) => size <= number('most'));
    const { costs, grown } = await costOfEvents(directory, grownTo);
    tell('certificates');
    const pki = await makeCertificates(join(directory, 'pki'), plan.hosts);
    const fresh = join(directory, 'fresh');
    mkdirSync(fresh, { mode: 0o700 });
    const lives: Live[] = [];
    for (const [candidates, stateDirectory] of [
      [0, fresh],
      [grownTo.at(-1) ?? 0, grown],
    ] as const) {
      tell(`a fleet of ${plan.hosts} hosts, ${candidates} candidates`);
      lives.push(await measureLive({ ...plan, directory, pki, stateDirectory, candidates, tell }));
    }
    return report(plan, costs, lives);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function tell(what: string): void {
  process.stderr.write(`bench fleet: ${what}\n`);
}

/** The costs, and the state directory of the largest run. */
async function costOfEvents(directory: string, sizes: readonly number[]): Promise<{ costs: Cost[]; grown: string }> {
  const costs: Cost[] = [];
  let grown = '';
  let made = 0;
  // The first thousands compile the program.
  await measure(3000, 1);
  for (const candidates of sizes) costs.push(await measure(candidates, repeats.get(candidates) ?? 1));
  return { costs, grown };

  async function measure(candidates: number, times: number): Promise<Cost> {
    tell(`what an event costs at ${candidates} candidates`);
    let [events, cpuSeconds] = [0, 0];
    for (let time = 0; time < times; time += 1) {
      made += 1;
      grown = join(directory, `growth-${made}`);
      mkdirSync(grown, { mode: 0o700 });
      const growing = await startGrowing(grown);
      await growing.growTo(candidates * (1 - window));
      const taken = await growing.growTo(candidates);
      events += taken.events;
      cpuSeconds += taken.cpuSeconds;
      await growing.close();
    }
    return { candidates, events, microseconds: (1e6 * cpuSeconds) / events };
  }
}

interface Plan {
  readonly hosts: number;
  readonly slots: number;
  readonly jobSeconds: number;
  readonly seconds: number;
}

function report(plan: Plan, costs: readonly Cost[], lives: readonly Live[]): BenchReport {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const core = (value: number): string => `${value.toFixed(2)} cores`;
  const head = ['candidates', ...lives.map(({ candidates }) => candidates.toLocaleString('en'))];
  const row = (name: string, cell: (live: Live) => string): string[] => [name, ...lives.map(cell)];
  const table = textTable([
    head,
    row('coordinator, of a processor', ({ coordinatorCores }) => core(coordinatorCores)),
    row('coordinator, memory', ({ coordinatorBytes }) => `${Math.round(coordinatorBytes / 1e6)} MB`),
    row('slot free to next attempt, median', ({ refill }) => ms(refill.medianMs)),
    row('slot free to next attempt, p99', ({ refill }) => ms(refill.p99Ms)),
    row('slots at work', ({ slotsAtWork }) => slotsAtWork.toLocaleString('en')),
    row('attempts ended a second', ({ endedPerSecond }) => endedPerSecond.toFixed(0)),
    row('commits a second', ({ commitsPerSecond }) => commitsPerSecond.toFixed(0)),
    row('disk, for each commit', ({ commitMs }) => ms(commitMs)),
    row('events a second', ({ eventsPerSecond }) => eventsPerSecond.toFixed(0)),
    row(
      'coordinator, of a processor, per event',
      ({ coordinatorCores, eventsPerSecond }) => `${((1e6 * coordinatorCores) / eventsPerSecond).toFixed(0)} µs`,
    ),
    row('coordinator, of a processor, per attempt', ({ coordinatorCores, endedPerSecond }) =>
      ms((1e3 * coordinatorCores) / endedPerSecond),
    ),
    row('start to serving', ({ startMs }) => `${(startMs / 1000).toFixed(1)} s`),
    row('all hosts joined', ({ joinMs }) => `${(joinMs / 1000).toFixed(1)} s`),
    row('all slots filled', ({ fillMs }) => `${(fillMs / 1000).toFixed(1)} s`),
    row('killed: serves again after', ({ killed }) => `${(killed.servesAfterMs / 1000).toFixed(1)} s`),
    row(
      'killed: leases lost, hosts lost, attempts stopped by their host, until three leases later',
      ({ killed }) => `${killed.leasesLost}, ${killed.hostsLost}, ${killed.fenced}`,
    ),
    row(
      'killed: attempts ended since, slots at work then',
      ({ killed }) => `${killed.ended.toLocaleString('en')}, ${killed.slotsAtWork.toLocaleString('en')}`,
    ),
    row(
      'nats-server, hosts, stand-ins',
      ({ natsCores, hostsCores, standInsCores }) =>
        `${natsCores.toFixed(2)}, ${hostsCores.toFixed(2)}, ${core(standInsCores)}`,
    ),
  ]);
  const costTable = textTable([
    ['candidates', 'events', 'of the processor per event'],
    ...costs.map(({ candidates, events, microseconds }) => [
      candidates.toLocaleString('en'),
      events.toLocaleString('en'),
      `${microseconds.toFixed(0)} µs`,
    ]),
  ]);
  const path = writeResults('fleet', { ...plan, promised, costs, lives }, fleetChart(costs, lives, promised.refillMs));
  const lines = `${plan.hosts} hosts with ${plan.slots} slots, a heartbeat a second each, runs of ${plan.jobSeconds} s in the mean (log-normal, σ 0.8), ${plan.seconds} s measured.\n`;
  const text = `${lines}${table}\nDecisions, journal and orders alone, without the network:\n${costTable}${path}\n`;
  return { text, broken: broken(costs, lives) };
}

function broken(costs: readonly Cost[], lives: readonly Live[]): string[] {
  const problems: string[] = [];
  const [first, last] = [costs[0]?.microseconds ?? 0, costs.at(-1)?.microseconds ?? 0];
  if (last > promised.growth * first) {
    problems.push(
      `an event costs ${last.toFixed(0)} µs at the most candidates and ${first.toFixed(0)} µs at the fewest`,
    );
  }
  for (const { candidates, coordinatorCores, coordinatorBytes, refill } of lives) {
    const at = `at ${candidates} candidates`;
    if (coordinatorCores >= promised.core)
      problems.push(`${at} the coordinator takes ${coordinatorCores.toFixed(2)} cores`);
    if (coordinatorBytes >= promised.bytes) problems.push(`${at} it takes ${Math.round(coordinatorBytes / 1e6)} MB`);
    if (refill.medianMs > promised.refillMs) {
      problems.push(`${at} a free slot waits ${refill.medianMs.toFixed(1)} ms at the median, not ${promised.refillMs}`);
    }
  }
  return problems;
}
