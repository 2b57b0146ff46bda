// A rolling upgrade as docs/operations.md has it: gateway and evaluator first, then the coordinator, then the hosts, each drained,
// stopped, started anew and taken in again, while the others work. With a checkout of the version before (`--before`) the fleet is
// one of two versions from the first step to the last; without one the same steps are a rolling restart.

import type { DaemonProcess } from './daemon-process.ts';
import { asJson, command } from './drained-hosts.ts';
import type { Fleet } from './fleet.ts';
import { becomes, busy, type Row, serves } from './row.ts';
import type { WatchedRun } from './watched-run.ts';

export const rollingUpgrades: readonly Row[] = [
  {
    fault: 'rolling upgrade: every daemon stopped and started anew, hosts drained one after the other',
    times: 3,
    inEveryTest: true,
    async run(fleet, work, times) {
      const before = work.seen.length;
      for (let count = 0; count < times; count += 1) await upgradeAll(fleet, work);
      const lost = work.seen.slice(before).filter(({ kind }) => kind === 'attemptLost').length;
      const what = fleet.options.before === undefined ? 'restarts' : 'upgrades from the version before';
      return `${times} ${what} of ${3 + fleet.agents.length} daemons; ${lost} leases had to be given again, nothing was lost`;
    },
  },
];

async function upgradeAll(fleet: Fleet, work: WatchedRun): Promise<void> {
  for (const daemon of [fleet.gateway, fleet.evaluator]) {
    await renew(daemon);
    await work.more(1);
  }
  await renewCoordinator(fleet);
  await work.more(1);
  for (const [index, agent] of fleet.agents.entries()) {
    const { name } = agent;
    const drained = await asJson(await command(fleet, 'drain', name, '--deadline', '2h', '--reason', 'a new version'));
    if (drained.state !== 'drained') throw new Error(`${name} is ${drained.state} after its drain`);
    await end(agent);
    // The coordinator goes away as well, while the host is down.
    if (index === 0) await renewCoordinator(fleet);
    agent.upgrade();
    agent.start();
    await asJson(await command(fleet, 'uncordon', name));
    await becomes(fleet, name, 'ready');
    await busy(fleet, name);
    await work.more(1);
  }
}

async function renewCoordinator(fleet: Fleet): Promise<void> {
  await renew(fleet.coordinator);
  await serves(fleet, performance.now());
}

async function renew(daemon: DaemonProcess): Promise<void> {
  await end(daemon);
  daemon.upgrade();
  daemon.start();
}

async function end(daemon: DaemonProcess): Promise<void> {
  const code = await daemon.stop();
  if (code !== 0) throw new Error(`${daemon.name} ended with ${code}: ${daemon.log().slice(-600)}`);
}
