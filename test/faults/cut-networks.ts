// Networks that are cut: both ways, one way, and half open, and an agent that stands still for longer than its leases.

import type { Cut } from '../support/network.ts';
import { waitFor } from '../support/wait-for.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { type Fleet, ports } from './fleet.ts';
import { staleResults } from './history.ts';
import { agentOf, becomes, busy, hostNamed, others, patience, type Row, spread } from './row.ts';
import type { WatchedRun } from './watched-run.ts';

export const cutNetworks: readonly Row[] = [
  {
    fault: 'host lost: its network is cut both ways',
    times: 10,
    inEveryTest: true,
    async run(fleet, work, times) {
      const noticed: number[] = [];
      const elsewhere: number[] = [];
      for (let count = 0; count < times; count += 1) {
        const { name, machine } = agentOf(fleet, count);
        await busy(fleet, name);
        const sinceMs = performance.now();
        fleet.network.cut(others(fleet, machine).flatMap((other) => bothWays(machine, other)));
        noticed.push(await suspected(fleet, name, sinceMs));
        await becomes(fleet, name, 'lost');
        await waitFor(`${name} to hold nothing`, async () => isIdle(fleet, name), patience);
        elsewhere.push(performance.now() - sinceMs);
        await healed(fleet, name);
      }
      await work.more(2);
      return `noticed after ${spread(noticed)}, its work free for others after ${spread(elsewhere)}`;
    },
  },
  {
    fault: 'partition, one way: a host hears and is not heard, then the reverse',
    times: 4,
    inEveryTest: false,
    async run(fleet, work, times) {
      for (let count = 0; count < 2 * times; count += 1) {
        const { name, machine } = agentOf(fleet, count);
        await busy(fleet, name);
        const cuts = others(fleet, machine).flatMap((other) => bothWays(machine, other));
        fleet.network.cut(cuts.filter(({ from }) => (from === machine) === (count % 2 === 0)));
        await becomes(fleet, name, 'lost');
        await healed(fleet, name);
      }
      await work.more(2);
      return `${2 * times} partitions; the host was given up and came back each time`;
    },
  },
  {
    fault: 'half-open: a host stores results and can neither report them nor be renewed',
    times: 200,
    inEveryTest: true,
    run: staleReports,
  },
  {
    fault: 'agent SIGSTOP past its lease, then SIGCONT',
    times: 10,
    inEveryTest: true,
    async run(fleet, work, times) {
      for (let count = 0; count < times; count += 1) {
        const agent = agentOf(fleet, count);
        await busy(fleet, agent.name);
        agent.freeze();
        await becomes(fleet, agent.name, 'lost');
        await work.more(1);
        agent.thaw();
        await becomes(fleet, agent.name, 'ready');
      }
      await work.more(2);
      return `${times} times; what it still reported was refused (see the history)`;
    },
  },
];

function bothWays(one: DaemonProcess['machine'], other: DaemonProcess['machine']): Cut[] {
  return [
    { from: one, to: other },
    { from: other, to: one },
  ];
}

/** Milliseconds until the host got no more work, whatever it is called. */
async function suspected(fleet: Fleet, name: string, sinceMs: number): Promise<number> {
  const isSuspected = async (): Promise<boolean> => {
    const { state, reason } = await hostNamed(fleet, name);
    return state === 'lost' || reason !== '';
  };
  await waitFor(`${name} to be suspected`, isSuspected, patience);
  return performance.now() - sinceMs;
}

async function isIdle(fleet: Fleet, name: string): Promise<boolean> {
  return (await hostNamed(fleet, name)).slots.every(({ attempts }) => attempts.length === 0);
}

async function healed(fleet: Fleet, name: string): Promise<void> {
  fleet.network.heal();
  await becomes(fleet, name, 'ready');
}

/**
 * A host keeps its way to the coordinator's store and to the gateway, and loses NATS and whatever the coordinator opens to it: what ends
 * there now is reported when its attempt has long been given to others. Goes on until there were as many such results as wanted.
 */
async function staleReports(fleet: Fleet, work: WatchedRun, wanted: number): Promise<string> {
  const { machine: coordinator } = fleet.coordinator;
  const before = staleOf(fleet, work);
  let rounds = 0;
  for (; staleOf(fleet, work) - before < wanted; rounds += 1) {
    if (rounds > 10 + wanted) throw new Error(`${rounds} rounds gave ${staleOf(fleet, work) - before} stale results`);
    // All hosts but one in turn, so that there is somebody to give the work to.
    const spared = rounds % fleet.agents.length;
    const cut = fleet.agents.filter((_, index) => index !== spared);
    for (const { name } of cut) await busy(fleet, name);
    fleet.network.cut(
      cut.flatMap(({ machine }) => [
        { from: coordinator, to: machine, port: ports.agent },
        { from: machine, to: coordinator, port: ports.agent },
        { from: machine, to: fleet.nats.machine },
        { from: fleet.nats.machine, to: machine },
      ]),
    );
    for (const { name } of cut) await becomes(fleet, name, 'lost');
    await work.more(1);
    fleet.network.heal();
    for (const { name } of cut) await becomes(fleet, name, 'ready');
    await waitFor(
      'the stale reports to be answered',
      () => fleet.books.waiting() < fleet.agents.length * fleet.options.slots,
      patience,
    );
  }
  return `${staleOf(fleet, work) - before} results under an older epoch in ${rounds} rounds (none may count, see the history)`;
}

function staleOf(fleet: Fleet, work: WatchedRun): number {
  const newest = new Map(work.seen.map(({ attemptId, epoch }) => [attemptId, epoch]));
  const finals = [...newest].map(([attemptId, epoch]) => ({ attemptId, epoch }));
  return staleResults({ executed: fleet.books.executed(), finals }).length;
}
