// Doubleblind as the dispatcher (cluster.ts). A lease is in the journal before it is sent; a result goes through the host's
// outbox, JetStream and the journal, and back comes a receipt.

import { waitFor } from '../../test/support/wait-for.ts';
import { type JobCluster, startJobCluster } from './cluster.ts';
import type { Contestant, StartContestant } from './contestant.ts';
import type { Done, Load } from './jobs.ts';

/** `lanes` is `slots.trajectoriesPerSlot`: with 1 the next lease is decided when the slot's job has ended. */
export function startOurs(lanes: number): StartContestant {
  return async (slots) => contestantOf(await startJobCluster({ slots, lanes }));
}

function contestantOf(cluster: JobCluster): Contestant {
  const { operator, nats, gateway, coordinator, hosts } = cluster;
  return {
    processes: [nats, gateway, coordinator, ...hosts].map(({ pid }) => pid),
    async run(load) {
      const runId = await cluster.startRun(load);
      const done = await allDone(cluster, load);
      await operator.killRun(runId, false);
      return done;
    },
    stop: () => cluster.stop(),
  };
}

/** Asks seldom while jobs run: asking costs the machine something too. */
async function allDone(cluster: JobCluster, { jobs }: Load): Promise<Done[]> {
  const done: Done[] = [];
  const collect = async (): Promise<boolean> => {
    done.push(...(await cluster.collect()).filter(({ job }) => job < jobs));
    return done.length >= jobs;
  };
  await waitFor('every job to end', collect, { timeoutMs: 300_000, everyMs: 500 });
  return done;
}
