import { expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { hostName, runId } from '../../shared/core/ids.ts';
import { handClock } from '../../shared/hand-clock.test-support.ts';
import { createLogger, type Logger, silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { brief } from '../core/brief.ts';
import type { Event } from '../core/event.ts';
import { attemptOf, createRun, joinHost, newMachine } from '../core/machine.test-support.ts';
import { type AgentClient, startHostActor } from './host-actor.ts';
import type { StartOrder } from './messages.ts';

test('guidance that is added to a run reaches its host at once, and again with every renewal', async () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { guidance: 'be quick' });
  const renewals: { attempts: unknown[]; guidance: unknown }[] = [];
  const agent = {
    describeHost: () => Promise.resolve({ host: 'alpha' }),
    renewLeases: (request: { attempts: unknown[]; guidance: unknown }) => {
      renewals.push(request);
      return Promise.resolve({ unknown: [], bootId: 'boot' });
    },
    close: () => undefined,
  };
  const host = startHostActor({
    name: hostName('alpha'),
    address: '127.0.0.1:1',
    state: machine.state,
    report: () => Promise.resolve(true),
    connect: () => agent as unknown as AgentClient,
    // So long that no renewal but the first comes by itself.
    leaseTtlMs: 3_600_000,
    clock: systemClock,
    log: silentLogger,
  });
  await vi.waitFor(() => expect(renewals).toHaveLength(1));
  expect(renewals[0]?.guidance).toEqual([]);
  const id = runId('digits-aaaaaa');
  const commands = machine.take({ kind: 'runSteered', runId: id, guidance: 'try trees' });
  expect(commands).toEqual([{ kind: 'tellGuidance', runId: id, host: 'alpha', number: 1 }]);
  host.hasten();
  await vi.waitFor(() => expect(renewals).toHaveLength(2));
  expect(renewals[1]).toMatchObject({
    attempts: [{ attemptId: attemptOf(machine, 1).id }],
    guidance: [{ runId: id, added: ['try trees'] }],
  });
  machine.take({ kind: 'runSteered', runId: id, guidance: 'and forests' });
  host.hasten();
  await vi.waitFor(() => expect(renewals).toHaveLength(3));
  expect(renewals[2]?.guidance).toEqual([{ runId: id, added: ['try trees', 'and forests'] }]);
  host.stop();
});

test('a host that describes itself anew with each heartbeat is journaled once in a few seconds, as it is then', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  const posted: Event[] = [];
  const clock = handClock();
  const never = () => new Promise(() => undefined);
  const host = startHostActor({
    ...{ name: hostName('alpha'), address: '127.0.0.1:1', state: machine.state },
    report: (event) => {
      posted.push(event);
      return Promise.resolve(true);
    },
    connect: () => ({ describeHost: never, renewLeases: never, close: () => undefined }) as unknown as AgentClient,
    ...{ leaseTtlMs: 3_600_000, clock, log: silentLogger },
  });
  const told = () => posted.map((event) => (event.kind === 'hostChanged' ? event.description.version : event.kind));
  const hear = (version: string) =>
    host.hear({
      ...{ v: 1, host: 'alpha', bootId: 'boot', seq: 1, address: '127.0.0.1:1', version, draining: false },
      ...{ slots: [], outboxEvents: 0 },
    });
  // The first is told at once: what a host says after a quiet time is not put off.
  hear('1');
  expect(told()).toEqual(['1']);
  for (let beat = 2; beat <= 29; beat++) {
    clock.advance(100);
    hear(String(beat));
  }
  expect(told()).toEqual(['1']);
  clock.advance(200);
  expect(told()).toEqual(['1', '29']);
  // A change that is taken back meanwhile is none.
  hear('30');
  hear('29');
  clock.advance(3000);
  expect(told()).toEqual(['1', '29']);
  hear('31');
  expect(told()).toEqual(['1', '29', '31']);
  hear('32');
  host.stop();
  clock.advance(3000);
  expect(told()).toEqual(['1', '29', '31']);
});

test('a slot that refused a start is unusable from then on, until its host says again that it is well', async () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const attempt = attemptOf(machine, 1);
  const posted: Event[] = [];
  const clock = handClock();
  const refused = new RpcFault('failedPrecondition', 'it has failed', { reason: 'unusableSlot' });
  const agent = {
    describeHost: () => Promise.resolve({ host: 'alpha', bootId: 'boot' }),
    renewLeases: () => Promise.resolve({ unknown: [], bootId: 'boot' }),
    startAttempt: () => Promise.reject(refused),
    close: () => undefined,
  };
  const host = startHostActor({
    ...{ name: hostName('alpha'), address: '127.0.0.1:1', state: machine.state },
    report: (event) => {
      posted.push(event);
      return Promise.resolve(true);
    },
    connect: () => agent as unknown as AgentClient,
    ...{ leaseTtlMs: 10_000, clock, log: silentLogger },
  });
  const [slot] = machine.state.hosts.get(hostName('alpha'))?.description.slots ?? [];
  const hear = () =>
    host.hear({
      ...{ v: 1, host: 'alpha', bootId: 'boot', seq: 1, address: '127.0.0.1:1', version: '1', draining: false },
      ...{ slots: [{ ...slot, capacity: 1, attempts: [] }] as never, outboxEvents: 0 },
    });
  const healths = () =>
    posted.flatMap((event) =>
      event.kind === 'hostChanged' ? event.description.slots.map(({ health }) => health) : [],
    );
  hear();
  await vi.waitFor(() => expect(healths()).toEqual(['healthy']));
  const { runId: run, id, epoch, slotId } = attempt;
  const order = { runId: run, attemptId: id, epoch, host: hostName('alpha'), slotId, leaseTtlMs: 10_000, token: '' };
  const start = host.startAttempt(
    { ...order, brief: brief(machine.state, id) } as StartOrder,
    new AbortController().signal,
  );
  await expect(start).rejects.toBe(refused);
  expect(healths()).toEqual(['healthy', 'unusable']);
  clock.advance(3000);
  hear();
  expect(healths()).toEqual(['healthy', 'unusable', 'healthy']);
  host.stop();
});

interface Asked {
  readonly what: 'describe' | 'renew';
  readonly deadlineMs: number;
  answer(): void;
  fail(): void;
}

/** A host with one lease and no heartbeats yet, as a coordinator meets it that was started again. */
function meetHost(log: Logger = silentLogger) {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const posted: Event[] = [];
  const asked: Asked[] = [];
  const connected: string[] = [];
  const clock = handClock();
  const pending = <Answer>(what: Asked['what'], value: Answer, { deadlineMs }: { deadlineMs: number }) =>
    new Promise<Answer>((resolve, reject) => {
      asked.push({ what, deadlineMs, answer: () => resolve(value), fail: () => reject(new Error('no answer')) });
    });
  const agent = {
    describeHost: (_: unknown, call: { deadlineMs: number }) =>
      pending('describe', { host: 'alpha', bootId: 'boot' }, call),
    renewLeases: (_: unknown, call: { deadlineMs: number }) => pending('renew', { unknown: [], bootId: 'boot' }, call),
    close: () => undefined,
  };
  const host = startHostActor({
    ...{ name: hostName('alpha'), address: '127.0.0.1:1', state: machine.state },
    report: (event) => {
      posted.push(event);
      machine.take(event);
      return Promise.resolve(true);
    },
    connect: (_, address) => {
      connected.push(address);
      return agent as unknown as AgentClient;
    },
    ...{ leaseTtlMs: 10_000, clock, log },
  });
  const hear = (address: string, bootId = 'boot') =>
    host.hear({
      ...{ v: 1, host: 'alpha', bootId, seq: 1, address, version: '1', draining: false },
      ...{ slots: [], outboxEvents: 0 },
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const kinds = () => posted.map(({ kind }) => kind).filter((kind) => kind !== 'hostChanged');
  const last = (): Asked => {
    const newest = asked.at(-1);
    if (newest === undefined) throw new Error('nothing was asked');
    return newest;
  };
  return {
    ...{ host, clock, asked, connected, hear, settle, kinds, last },
    /** Whatever is asked fails; it is suspected all the time, and lost right after. */
    async isLost({ fromMs, untilMs }: { fromMs: number; untilMs: number }) {
      for (let ms = fromMs; ms < untilMs; ms += 100) {
        clock.advance(100);
        last().fail();
        await settle();
        expect(kinds(), `after ${ms} ms`).toEqual(['hostSuspected']);
      }
      clock.advance(200);
      expect(kinds()).toEqual(['hostSuspected', 'hostLost']);
    },
    start() {
      const { id, runId: run, epoch } = attemptOf(machine, 1);
      const order = { runId: run, attemptId: id, epoch, host: hostName('alpha') } as unknown as StartOrder;
      return host.startAttempt(order, new AbortController().signal);
    },
  };
}

test('until a host has answered over a connection its answers may take as long as the connection needs', async () => {
  const { host, clock, asked, hear, settle, last, kinds } = meetHost();
  const calls = () => asked.map(({ what, deadlineMs }) => `${what} ${deadlineMs}`);
  last().answer();
  await settle();
  hear('127.0.0.1:1');
  expect(calls()).toEqual(['renew 5000']);
  // Another daemon than the one whose leases were renewed: it waits for that before it goes on.
  hear('127.0.0.1:1', 'later boot');
  last().answer();
  await settle();
  expect(calls()).toEqual(['renew 5000', 'renew 2000']);
  hear('127.0.0.1:2');
  clock.advance(4000);
  await settle();
  expect(calls().slice(2)).toEqual(['describe 5000']);
  expect(kinds()).toEqual([]);
  host.stop();
});

test('a second daemon under the name of a host gets none of its leases, and is told of once', async () => {
  const lines: string[] = [];
  const log = createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } });
  const { host, clock, asked, connected, hear, settle, kinds } = meetHost(log);
  const beat = async () => {
    clock.advance(500);
    hear('127.0.0.1:2', 'of the clone');
    for (const call of asked) call.answer();
    await settle();
    clock.advance(500);
    hear('127.0.0.1:1');
    await settle();
  };
  for (let beats = 0; beats < 30; beats++) await beat();
  expect(connected).toEqual(['127.0.0.1:1']);
  expect(kinds()).toEqual([]);
  expect(host.rival()).toBe('127.0.0.1:2');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'warn', host: 'alpha', address: '127.0.0.1:1', ignored: '127.0.0.1:2' },
  ]);
  // The first one is switched off: the other one is the host as soon as that would be lost.
  for (let beats = 0; beats < 13; beats++) {
    clock.advance(1000);
    hear('127.0.0.1:2', 'of the clone');
    for (const call of asked) call.fail();
    await settle();
  }
  expect(connected).toEqual(['127.0.0.1:1', '127.0.0.1:2']);
  host.stop();
});

test('where all were started again, the coordinator too, and a host has another address, it gets its leases back within some seconds', async () => {
  const { host, clock, asked, connected, hear, settle } = meetHost();
  // Nobody listens at the address that the journal knows.
  asked[0]?.fail();
  await settle();
  for (let beats = 0; beats < 3; beats++) {
    clock.advance(1000);
    hear('127.0.0.1:2', 'later boot');
    for (const call of asked) connected.length === 1 ? call.fail() : call.answer();
    await settle();
  }
  expect(connected).toEqual(['127.0.0.1:1', '127.0.0.1:2']);
  for (const call of asked) call.answer();
  await settle();
  expect(asked.at(-1)?.what).toBe('renew');
  expect(host.rival()).toBeUndefined();
  host.stop();
});

test('a host that never answers after a start is given nothing new, and is lost when it has stopped what it had', async () => {
  const { host, clock, asked, settle, last, kinds, start, isLost } = meetHost();
  const starting = expect(start()).rejects.toThrow('no answer');
  expect(last().what).toBe('describe');
  last().fail();
  await starting;
  clock.advance(4999);
  asked[0]?.fail();
  await settle();
  expect(kinds()).toEqual(['hostSuspected']);
  // The renewal may have arrived after 5 s and been read 2 s later; the host stops after 8 s more.
  await isLost({ fromMs: 5000, untilMs: 15_100 });
  expect(asked.filter(({ what }) => what === 'renew')).toHaveLength(1);
  host.stop();
});

test('a host whose renewal was not answered is lost only when it has stopped what that may have given it', async () => {
  const { host, clock, asked, hear, settle, last, kinds, isLost } = meetHost();
  last().answer();
  await settle();
  // Where in the next third of a term the second renewal comes depends on the host's name.
  for (let ms = 0; ms < 10_000 && asked.length < 3; ms += 100) {
    clock.advance(100);
    hear('127.0.0.1:1');
    if (asked.length === 2) last().answer();
    await settle();
  }
  // The third may arrive at the last moment before its deadline, 2 s later; the host stops 8 s after that.
  expect(asked.slice(2)).toMatchObject([{ what: 'renew', deadlineMs: 2000 }]);
  clock.advance(1999);
  last().fail();
  await settle();
  expect(kinds()).toEqual(['hostSuspected']);
  const renewals = asked.filter(({ what }) => what === 'renew').length;
  await isLost({ fromMs: 2000, untilMs: 10_100 });
  expect(asked.filter(({ what }) => what === 'renew')).toHaveLength(renewals);
  host.stop();
});

test('a thousand hosts of a journal are asked at once, and from then on each in its own time', async () => {
  const machine = newMachine();
  const clock = handClock();
  const names = Array.from({ length: 1000 }, (_, index) => `h${index}`);
  let renewals = 0;
  const agent = {
    renewLeases() {
      renewals += 1;
      return Promise.resolve({ unknown: [], bootId: 'boot' });
    },
    close: () => undefined,
  };
  const hosts = names.map((name) => {
    joinHost(machine, name, 1);
    return startHostActor({
      ...{ name: hostName(name), address: '127.0.0.1:1', state: machine.state, report: () => Promise.resolve(true) },
      connect: () => agent as unknown as AgentClient,
      ...{ leaseTtlMs: 10_000, clock, log: silentLogger },
    });
  });
  expect(renewals).toBe(1000);
  let most = 0;
  for (let ms = 0; ms < 20_000; ms += 100) {
    await new Promise((resolve) => setImmediate(resolve));
    const before = renewals;
    clock.advance(100);
    for (const [index, host] of hosts.entries())
      if (ms % 1000 === 0)
        host.hear({
          ...{
            v: 1,
            host: names[index] ?? '',
            bootId: 'boot',
            seq: 1,
            address: '127.0.0.1:1',
            version: '1',
            draining: false,
          },
          ...{ slots: [], outboxEvents: 0 },
        });
    if (ms >= 4000) most = Math.max(most, renewals - before);
  }
  // Evenly it would be 25 in a tenth of a second, and a thousand together.
  expect(most).toBeLessThan(60);
  for (const host of hosts) host.stop();
});
