// `npm run bench -- recovery [ROUNDS]`: kill -9 of a daemon while jobs run, started again at once; how long until the next lease, with
// 10², 10⁴ and 10⁵ events in the coordinator's journal. The next lease is seen by the next job that a slot begins after the daemon
// serves again. Nothing has to happen for the evaluator: leases do not wait for it.

import { createRun, joinHost, newMachine, runOn } from '../coordinator/core/machine.test-support.ts';
import { openJournal } from '../coordinator/journal/journal.ts';
import { hostName, runId } from '../shared/core/ids.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { type JobCluster, type Mortal, startJobCluster } from './dispatch/cluster.ts';
import { nowMs } from './dispatch/work.ts';
import { lineChart } from './line-chart.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';
import { inTurn } from './rounds.ts';
import { spreadOf } from './statistics.ts';

const eventCounts = [100, 10_000, 100_000];
const defaultRounds = 5;
/** Jobs that never run out while a round lasts. */
const load = { slots: 8, jobs: 100_000, meanMs: 100, sigma: 0 };
const victims = ['coordinator', 'gpu-agent', 'llm-gateway', 'nats-server'] as const;
type Victim = (typeof victims)[number];

interface Measured {
  /** From the kill to the word of the new process that it serves. */
  readonly servesMs: number;
  readonly leaseMs: number;
}

interface Row extends Record<Victim, readonly Measured[]> {
  readonly events: number;
}

/** A journal with so many events of a run that is over. */
function fill(stateDirectory: string, events: number): void {
  const machine = newMachine();
  joinHost(machine, 'alpha', 8);
  createRun(machine);
  runOn(machine, events - machine.journal.length - 2);
  machine.take({ kind: 'runKilled', runId: runId('digits-aaaaaa'), seal: false });
  machine.take({ kind: 'hostLost', host: hostName('alpha'), reason: 'it was made up' });
  const journal = openJournal(stateDirectory);
  journal.append(machine.journal);
  journal.close();
}

async function killOnce(cluster: JobCluster, victim: Mortal): Promise<Measured> {
  await jobAfter(cluster, nowMs());
  const killedMs = nowMs();
  await victim.kill();
  await victim.restart();
  const servesMs = nowMs();
  return { servesMs: servesMs - killedMs, leaseMs: (await jobAfter(cluster, servesMs)) - killedMs };
}

/** When the first job began after a moment. */
async function jobAfter(cluster: JobCluster, afterMs: number): Promise<number> {
  return await waitFor(
    'the next lease',
    async () => {
      const starts = (await cluster.collect()).map(({ startMs }) => startMs).filter((startMs) => startMs > afterMs);
      return starts.length > 0 && Math.min(...starts);
    },
    { timeoutMs: 120_000, everyMs: 20 },
  );
}

async function measure(events: number, rounds: number): Promise<Row> {
  const cluster = await startJobCluster({
    slots: load.slots,
    lanes: 1,
    prepare: (directory) => fill(directory, events),
  });
  try {
    await cluster.startRun(load);
    const [host] = cluster.hosts;
    if (host === undefined) throw new Error('no host');
    const { coordinator, gateway, nats } = cluster;
    const row = await inTurn(rounds, {
      coordinator: () => killOnce(cluster, coordinator),
      'gpu-agent': () => killOnce(cluster, host),
      'llm-gateway': () => killOnce(cluster, gateway),
      'nats-server': () => killOnce(cluster, nats),
    });
    process.stderr.write(`… ${lineOf({ events, ...row }).join('  ')}\n`);
    return { events, ...row };
  } finally {
    await cluster.stop();
  }
}

/** `npm run bench -- recovery [ROUNDS]`. */
export async function benchRecovery(words: readonly string[]): Promise<BenchReport> {
  const rounds = Number(words[0] ?? defaultRounds);
  if (!(rounds > 0)) throw new RangeError('takes a number of rounds');
  const rows: Row[] = [];
  for (const events of eventCounts) rows.push(await measure(events, rounds));
  const chart = lineChart({
    title: 'From kill -9 to the next lease',
    xLabel: 'events in the journal',
    yLabel: 'ms',
    xScale: 'log',
    lines: victims.map((label) => ({
      label,
      points: rows.map((row) => ({ x: row.events, y: spreadOf(row[label].map(({ leaseMs }) => leaseMs)).median })),
    })),
  });
  const path = writeResults('recovery', { rounds, load, rows }, chart);
  const lead = `Milliseconds from kill -9 to the next lease, and in brackets to the word that the daemon serves; median (range) of ${rounds} rounds, ${load.slots} slots, jobs of ${load.meanMs} ms.\n`;
  return { text: `${lead}${textTable([['events', ...victims], ...rows.map(lineOf)])}${path}\n`, broken: [] };
}

function lineOf(row: Row): string[] {
  const cells = victims.map((victim) => {
    const lease = spreadOf(row[victim].map(({ leaseMs }) => leaseMs));
    const serves = spreadOf(row[victim].map(({ servesMs }) => servesMs));
    return `${lease.median.toFixed(0)} (${lease.low.toFixed(0)}–${lease.high.toFixed(0)}) [${serves.median.toFixed(0)}]`;
  });
  return [String(row.events), ...cells];
}
