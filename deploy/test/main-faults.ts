// `npm run test:faults [-- --only WORD] [--thorough] [--times N] [--hosts N] [--slots N]`: every row of the table of faults a few
// times, or with --thorough as often as its figure needs,
// on a fleet of real processes with networks of their own and the default lease of 10 s. Prints the table; exits 1 unless all held.
// `--only "rolling upgrade" --before DIRECTORY`: the daemons begin as the version in that checkout, and are upgraded under work.

import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startFleet } from '../../test/faults/fleet.ts';
import type { Row } from '../../test/faults/row.ts';
import { hostRows, type Measured, rows, runHostRows, runRows } from '../../test/faults/table.ts';
import { networkMissing } from '../../test/support/network.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    hosts: { type: 'string', default: '3' },
    slots: { type: 'string', default: '4' },
    times: { type: 'string' },
    thorough: { type: 'boolean', default: false },
    lease: { type: 'string', default: '10000' },
    before: { type: 'string' },
  },
});

const missing = networkMissing();
if (missing === undefined) {
  // The fleet is stopped by now; a connection to one of its daemons that is still being tried keeps nobody waiting.
  process.exit(await main());
} else {
  process.stderr.write(`test:faults cannot run here: ${missing}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const isChosen = ({ fault }: { readonly fault: string }): boolean => fault.includes(values.only);
  const [chosen, alone] = [rows.filter(isChosen), hostRows.filter(isChosen)];
  if (chosen.length + alone.length === 0) {
    const all = [...rows, ...hostRows].map(({ fault }) => `  ${fault}\n`);
    process.stderr.write(`no fault has the word ${values.only}; there are:\n${all.join('')}`);
    return 2;
  }
  const table = [...(await runHostRows(alone, timesOf, tell)), ...(chosen.length === 0 ? [] : await onFleet(chosen))];
  print(table);
  return table.every(({ held }) => held) ? 0 : 1;
}

/** A tenth of what a figure needs tells whether something is broken, within ten minutes. */
function timesOf({ times }: { readonly times: number }): number {
  if (values.times !== undefined) return Number(values.times);
  return values.thorough ? times : Math.ceil(times / 10);
}

function tell({ fault, measured, held }: Measured): void {
  process.stderr.write(`${held ? '✓' : '✗'} ${fault}: ${measured}\n`);
}

async function onFleet(chosen: readonly Row[]): Promise<readonly Measured[]> {
  const fleet = await startFleet({
    hosts: Number(values.hosts),
    slots: Number(values.slots),
    leaseMs: Number(values.lease),
    ...(values.before === undefined ? {} : { before: resolve(values.before) }),
  });
  // However it is ended, it must not leave daemons and namespaces behind.
  for (const [signal, status] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const, ['SIGHUP', 129] as const]) {
    process.once(signal, () => void fleet.stop().finally(() => process.exit(status)));
  }
  try {
    return await runRows(fleet, chosen, timesOf, tell);
  } finally {
    await fleet.stop();
  }
}

function print(table: readonly Measured[]): void {
  const load = loadavg().map((value) => value.toFixed(1));
  const lines = table.map(
    ({ fault, measured, held }) => `| ${fault} | ${measured} | ${held ? 'held' : '**did not hold**'} |`,
  );
  process.stdout.write(
    [
      `${values.hosts} hosts with ${values.slots} slots, lease ${values.lease} ms, ${cpus().length} processors, load ${load.join(' ')}`,
      '',
      '| fault | measured | |',
      '|---|---|---|',
      ...lines,
      '',
    ].join('\n'),
  );
}
