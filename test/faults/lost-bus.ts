// The nats-server is transport: it may be killed, lose its store, or stay away while gRPC answers.

import { join } from 'node:path';
import { connectBus } from '../../shared/bus/bus.ts';
import { resultEventSchema } from '../../shared/bus/messages.ts';
import { silentLogger } from '../../shared/log.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Fleet, ports } from './fleet.ts';
import { patience, type Row, spread } from './row.ts';

export const lostBus: readonly Row[] = [
  {
    fault: 'nats-server kill -9 and its store deleted',
    times: 20,
    inEveryTest: true,
    async run(fleet, work, times) {
      const resumed: number[] = [];
      for (let count = 0; count < times; count += 1) {
        await work.more(1);
        await fleet.nats.kill();
        fleet.loseBusStore();
        // Results come to an end meanwhile and wait in the outboxes.
        await waitFor('a result that waits', () => fleet.books.waiting() > 0, patience);
        const sinceMs = performance.now();
        fleet.nats.start();
        await work.more(1);
        resumed.push(performance.now() - sinceMs);
      }
      return `a result was taken and scored after ${spread(resumed)}`;
    },
  },
  {
    fault: 'NATS down for longer than a lease, gRPC up',
    times: 4,
    inEveryTest: true,
    async run(fleet, work, times) {
      await fleet.nats.kill();
      const untilMs = performance.now() + 1.5 * times * fleet.options.leaseMs;
      let [asked, lost] = [0, 0];
      while (performance.now() < untilMs) {
        lost += [...(await fleet.states()).values()].filter((state) => state === 'lost').length;
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      fleet.nats.start();
      await work.more(fleet.agents.length);
      if (lost > 0) throw new Error(`a host was declared lost in ${lost} of ${asked} answers`);
      return `${1.5 * times} leases long, asked ${asked} times: no host was declared lost`;
    },
  },
  {
    fault: 'every event again, shuffled, by a host with its own certificate',
    times: 5,
    inEveryTest: true,
    async run(fleet, work, times) {
      let sent = 0;
      for (let count = 0; count < times; count += 1) {
        const events = await collect(fleet, 4);
        await work.more(1);
        // A store that is gone has forgotten what it had: nothing is recognised as a repeat by the bus.
        await fleet.nats.kill();
        fleet.loseBusStore();
        fleet.nats.start();
        sent += await repeat(fleet, events);
        await work.more(1);
      }
      return `${sent} repeats, none counted (see the history)`;
    },
  },
];

interface Kept {
  readonly host: string;
  readonly json: string;
  readonly seq: number;
}

/** Copies events out of the agents' outboxes until there are so many ends of attempts. */
async function collect(fleet: Fleet, count: number): Promise<Kept[]> {
  const kept = new Map<string, Kept>();
  const look = (): boolean => {
    for (const event of fleet.books.outboxes()) kept.set(`${event.host} ${event.seq}`, event);
    return [...kept.values()].filter(({ json }) => json.includes('"attemptEnded"')).length >= count;
  };
  await waitFor('events in the outboxes', look, { ...patience, everyMs: 5 });
  return [...kept.values()];
}

async function repeat(fleet: Fleet, events: readonly Kept[]): Promise<number> {
  let sent = 0;
  for (const host of new Set(events.map((event) => event.host))) {
    const pki = join(fleet.directory, 'pki');
    const tls = { ca: join(pki, 'ca.crt'), certificate: join(pki, `${host}.crt`), key: join(pki, `${host}.key`) };
    const servers = [`${fleet.nats.machine.address}:${ports.nats}`];
    const bus = await connectBus({ servers, tls, name: `repeats of ${host}`, log: silentLogger });
    const own = events.filter((event) => event.host === host).toSorted(() => Math.random() - 0.5);
    for (const { json, seq } of [...own, ...own]) {
      const event = resultEventSchema.parse({ ...(JSON.parse(json) as object), seq });
      await waitFor('the stream to take a repeat', () => bus.publishResult(event).then(() => true), patience);
      sent += 1;
    }
    await bus.close();
  }
  return sent;
}
