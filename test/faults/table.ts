// The rows in order, against a fleet that is at work all the while, and the history in the end.

import { cutNetworks } from './cut-networks.ts';
import { drainedHosts } from './drained-hosts.ts';
import type { Fleet } from './fleet.ts';
import { fullDisks } from './full-disks.ts';
import { problemsOf, staleResults } from './history.ts';
import { interruptedSandboxes } from './interrupted-sandboxes.ts';
import { killedDaemons } from './killed-daemons.ts';
import { lostBus } from './lost-bus.ts';
import { manyContainers } from './many-containers.ts';
import { replayedJournal } from './replayed-journal.ts';
import { rollingUpgrades } from './rolling-upgrades.ts';
import type { HostRow, Row } from './row.ts';
import { wrongClocks } from './wrong-clocks.ts';

export const rows: readonly Row[] = [
  ...killedDaemons,
  ...lostBus,
  ...cutNetworks,
  ...drainedHosts,
  ...rollingUpgrades,
  ...wrongClocks,
  ...fullDisks,
];

/** Those that need no fleet. */
export const hostRows: readonly HostRow[] = [...replayedJournal, ...manyContainers, ...interruptedSandboxes];

export interface Measured {
  readonly fault: string;
  readonly measured: string;
  readonly held: boolean;
}

/** Runs the rows one after the other; `timesOf` says how often each fault happens. */
export async function runRows(
  fleet: Fleet,
  chosen: readonly Row[],
  timesOf: (row: Row) => number,
  onRow: (measured: Measured) => void,
): Promise<readonly Measured[]> {
  const work = await fleet.startRun();
  await work.more(1);
  const table: Measured[] = [];
  const add = (measured: Measured): void => {
    table.push(measured);
    onRow(measured);
  };
  for (const row of chosen) {
    try {
      add({ fault: row.fault, measured: await row.run(fleet, work, timesOf(row)), held: true });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      add({ fault: row.fault, measured: message, held: false });
      mend(fleet);
    }
  }
  const history = await work.finish();
  const problems = problemsOf(history);
  const stale = staleResults(history).length;
  const leases = history.seen.filter(({ kind }) => kind === 'attemptLeased').length;
  const summary =
    `${history.candidatesScored} candidates scored, ${leases} leases, ${history.executed.length} executions in the agents' books, ` +
    `${stale} stale results, 0 of them counted`;
  add({
    fault: 'all of it: nothing lost, nothing counted twice',
    measured: problems.length === 0 ? summary : problems.join('; '),
    held: problems.length === 0,
  });
  return table;
}

/** Runs the rows that need no fleet. */
export async function runHostRows(
  chosen: readonly HostRow[],
  timesOf: (row: HostRow) => number,
  onRow: (measured: Measured) => void,
): Promise<readonly Measured[]> {
  const table: Measured[] = [];
  for (const row of chosen) {
    const measured = await row.run(timesOf(row)).then(
      (figures) => ({ fault: row.fault, measured: figures, held: true }),
      (error: unknown) => ({
        ...{ fault: row.fault, held: false },
        measured: error instanceof Error ? error.message : String(error),
      }),
    );
    table.push(measured);
    onRow(measured);
  }
  return table;
}

/** What one row left broken is not another row's fault; what the daemons said last helps to find the cause. */
function mend(fleet: Fleet): void {
  fleet.network.heal();
  for (const daemon of [fleet.nats, fleet.coordinator, fleet.gateway, fleet.evaluator, ...fleet.agents]) {
    const lines = daemon.log().trim().split('\n').slice(-5);
    process.stderr.write(`${daemon.name}:\n${lines.map((line) => `  ${line.slice(0, 400)}\n`).join('')}`);
    daemon.thaw();
    daemon.start();
  }
}
