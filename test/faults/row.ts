// A row of the table of faults: what is done to a fleet that is at work, and what has to hold. Whether anything was lost or counted
// twice is not asked here but of the whole history at the end (history.ts).

import type { Host } from '../../cli/core/model.ts';
import { present } from '../../shared/core/assert.ts';
import type { Machine } from '../support/network.ts';
import { waitFor } from '../support/wait-for.ts';
import type { DaemonProcess } from './daemon-process.ts';
import type { Fleet } from './fleet.ts';
import type { WatchedRun } from './watched-run.ts';

export interface Row {
  readonly fault: string;
  /** How often in `npm run test:faults -- --thorough`; in `npm test` once, where the row is among those that run there. */
  readonly times: number;
  readonly inEveryTest: boolean;
  /** Does it; gives what was measured, throws where something does not hold. */
  run(fleet: Fleet, work: WatchedRun, times: number): Promise<string>;
}

/** A row that needs one host alone and no fleet. */
export interface HostRow {
  readonly fault: string;
  readonly times: number;
  run(times: number): Promise<string>;
}

/** Generous: a condition that holds ends the waiting at once, and a machine may be many times slower than it should be. */
export const patience = { timeoutMs: 180_000, everyMs: 50 } as const;

export async function hostNamed(fleet: Fleet, name: string): Promise<Host> {
  return present(
    (await fleet.operator.listHosts()).find(({ host }) => host === name),
    name,
  );
}

/** Waits until a host is in a state; gives the milliseconds since then. */
export async function becomes(fleet: Fleet, name: string, state: string, sinceMs = performance.now()): Promise<number> {
  await waitFor(`${name} to be ${state}`, async () => (await hostNamed(fleet, name)).state === state, patience);
  return performance.now() - sinceMs;
}

/** The agent of a host, in turn. */
export function agentOf(fleet: Fleet, turn: number): DaemonProcess {
  return present(fleet.agents[turn % fleet.agents.length], 'an agent');
}

/** Waits until a host runs something. */
export async function busy(fleet: Fleet, name: string): Promise<void> {
  const isBusy = async (): Promise<boolean> =>
    (await hostNamed(fleet, name)).slots.some(({ attempts }) => attempts.length > 0);
  await waitFor(`${name} to have work`, isBusy, patience);
}

/** Waits until the coordinator answers; gives the milliseconds since then. */
export async function serves(fleet: Fleet, sinceMs: number): Promise<number> {
  await waitFor('the coordinator to serve', () => fleet.operator.listHosts(), { ...patience, everyMs: 20 });
  return performance.now() - sinceMs;
}

/** Everybody that a machine speaks to. */
export function others(fleet: Fleet, machine: Machine): Machine[] {
  const all = [fleet.coordinator, fleet.nats, fleet.gateway, ...fleet.agents].map((daemon) => daemon.machine);
  return all.filter((one) => one !== machine);
}

/** `median 1.2 s, worst 3.4 s (20 times)`. */
export function spread(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  const seconds = (ms: number | undefined): string => `${((ms ?? 0) / 1000).toFixed(1)} s`;
  const middle = seconds(sorted[Math.floor((sorted.length - 1) / 2)]);
  return sorted.length === 1 ? middle : `median ${middle}, worst ${seconds(sorted.at(-1))} (${sorted.length} times)`;
}
