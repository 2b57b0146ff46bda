import { expect, test } from 'vitest';
import { hostName } from '../../shared/core/ids.ts';
import { handClock } from '../../shared/hand-clock.test-support.ts';
import { silentLogger } from '../../shared/log.ts';
import { joinHost, newMachine } from '../core/machine.test-support.ts';
import { type AgentClient, startHostActor } from './host-actor.ts';
import { Receipts } from './receipts.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A host of a lease of 10 s that is heard every 100 ms, and what its agent was asked. */
function hostWith(readsReceipts: boolean, leaseTtlMs = 10_000) {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  const clock = handClock();
  const carried: number[][] = [];
  const confirmed: number[][] = [];
  const agent = {
    describeHost: () => Promise.resolve({ host: 'alpha', bootId: 'boot' }),
    renewLeases(request: { confirmed: number[] }) {
      carried.push(request.confirmed);
      return Promise.resolve({ unknown: [], bootId, receiptsTaken: readsReceipts });
    },
    confirmEvents(request: { sequences: number[] }) {
      confirmed.push(request.sequences);
      return Promise.resolve({});
    },
    close: () => undefined,
  };
  const host = startHostActor({
    ...{ name: hostName('alpha'), address: '127.0.0.1:1', state: machine.state, report: () => Promise.resolve(true) },
    connect: () => agent as unknown as AgentClient,
    ...{ leaseTtlMs, clock, log: silentLogger },
  });
  let [draining, bootId] = [false, 'boot'];
  const hear = () =>
    host.hear({
      ...{ v: 1, host: 'alpha', bootId, seq: 1, address: '127.0.0.1:1', version: '1', draining },
      ...{ slots: [], outboxEvents: 0 },
    });
  return {
    ...{ host, carried, confirmed },
    async run(ms: number) {
      for (let left = ms; left > 0; left -= 100) {
        clock.advance(100);
        hear();
        await settle();
      }
    },
    drain: () => {
      draining = true;
    },
    reboot: () => {
      bootId = 'later boot';
    },
  };
}

test('a renewal carries the receipts, once, and no call is made for them', async () => {
  const { host, carried, confirmed, run } = hostWith(true);
  await run(100);
  for (const sequence of [7, 8]) host.confirm(sequence);
  await run(6000);
  host.confirm(9);
  await run(30_000);
  expect(carried.filter((sequences) => sequences.length > 0)).toEqual([[7, 8], [9]]);
  expect(confirmed).toEqual([]);
  host.stop();
});

test('a host that does not read them in a renewal gets them by a call of their own', async () => {
  const { host, confirmed, run } = hostWith(false);
  await run(100);
  for (const sequence of [7, 8]) host.confirm(sequence);
  await run(4000);
  expect(confirmed).toEqual([]);
  await run(4000);
  expect(confirmed).toEqual([[7, 8]]);
  await run(30_000);
  expect(confirmed).toHaveLength(1);
  host.stop();
});

test('a host that is being emptied waits for them, and gets them at its next heartbeat', async () => {
  const { host, confirmed, run, drain } = hostWith(true);
  await run(100);
  host.confirm(7);
  drain();
  await run(200);
  expect(confirmed).toEqual([[7]]);
  // From then on at once: it may wait for this one alone.
  host.confirm(8);
  await settle();
  expect(confirmed).toEqual([[7], [8]]);
  host.stop();
});

test('what waits for a daemon is not for the next one of the host, whose book may be another one', async () => {
  const { host, carried, confirmed, run, reboot } = hostWith(true);
  await run(100);
  host.confirm(7);
  reboot();
  await run(20_000);
  expect([carried.flat(), confirmed]).toEqual([[], []]);
  host.stop();
});

test('where renewals are rare receipts do not wait for them, as a host repeats what is not confirmed after 30 s', async () => {
  const { host, carried, confirmed, run } = hostWith(true, 120_000);
  await run(50_000);
  const before = carried.length;
  host.confirm(7);
  await run(14_000);
  expect(confirmed).toEqual([]);
  await run(13_000);
  expect([confirmed, carried.length]).toEqual([[[7]], before]);
  host.stop();
});

test('what a host did not take waits, a thousand a call and ten thousand at most, and nothing is sent after the stop', async () => {
  const delivered: number[] = [];
  const answers = [() => Promise.reject(new Error('away'))];
  const receipts = new Receipts({
    deliver(sequences) {
      delivered.push(sequences.length);
      return answers.pop()?.() ?? Promise.resolve();
    },
    ...{ renewalMs: 1000, clock: handClock(), log: silentLogger },
  });
  for (let sequence = 1; sequence <= 12_000; sequence++) receipts.add(sequence);
  expect(receipts.next()).toHaveLength(1000);
  await receipts.send();
  expect(delivered).toEqual([1000]);
  await receipts.send();
  expect(delivered).toEqual(Array.from({ length: 11 }, () => 1000));
  receipts.add(1);
  receipts.stop();
  await receipts.send();
  expect(delivered).toHaveLength(11);
});

test('while some are on their way they are not sent again, and what comes meanwhile goes after them', async () => {
  const delivered: number[][] = [];
  const ways: PromiseWithResolvers<void>[] = [];
  const receipts = new Receipts({
    deliver(sequences) {
      delivered.push([...sequences]);
      const way = Promise.withResolvers<void>();
      ways.push(way);
      return way.promise;
    },
    ...{ renewalMs: 1000, clock: handClock(), log: silentLogger },
  });
  receipts.add(1);
  const sent = [receipts.send(), receipts.send()];
  receipts.add(2);
  expect(delivered).toEqual([[1]]);
  ways[0]?.resolve();
  await settle();
  expect(delivered).toEqual([[1], [2]]);
  ways[1]?.resolve();
  await Promise.all(sent);
  expect(receipts.next()).toEqual([]);
});
