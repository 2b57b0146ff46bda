import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ResultEvent } from '../shared/bus/messages.ts';
import { systemClock } from '../shared/clock.ts';
import { attemptId } from '../shared/core/ids.ts';
import { silentLogger } from '../shared/log.ts';
import { sha256 } from '../shared/store/digest.ts';
import { type Agent, startAgent } from './agent.ts';
import type { AgentOptions, AgentPorts } from './agent-options.ts';
import type { AttemptOrder } from './attempt-order.ts';
import { type HostBook, openHostBook, type Unnumbered } from './outbox/host-book.ts';
import type { Performer } from './performer.ts';
import { cpuSlots, type HostSlot } from './slots.ts';
import { sampleOrder } from './testing/agent-rig.ts';

/** Every attempt fails at once. */
const performer: Performer = {
  perform: ({ kind }) =>
    kind === 'storeArtifacts'
      ? Promise.resolve({ kind: 'artifactsStored', artifacts: {}, elapsedSeconds: 0 })
      : Promise.reject(new Error('no engine')),
  recovers: () => Promise.resolve(false),
  adopt: () => Promise.resolve(),
  removeSandboxes: () => Promise.resolve(),
  removeStaging: () => Promise.resolve(),
};

function startOf({ runId, attemptId: id, epoch, slotId }: AttemptOrder): Unnumbered {
  const name = { runId, attemptId: id, epoch };
  return { v: 1, host: 'host-1', bootId: 'boot', ...name, kind: 'attemptStarted', body: { slotId } };
}

async function hostThatFails(
  ended: string[],
  { book = openHostBook(':memory:'), openPerformer = () => performer, engine = emptyEngine }: Partial<AgentPorts> = {},
  trouble = () => '',
  slots: () => readonly HostSlot[] = () => cpuSlots(1),
  more: Partial<AgentOptions> = {},
): Promise<Agent> {
  return await startAgent({
    ports: {
      ...{ host: 'host-1', bootId: 'boot', book, clock: systemClock, log: silentLogger, openPerformer },
      engine,
    },
    bus: {
      publishHeartbeat: () => undefined,
      publishResult: (event: ResultEvent) => {
        if (event.kind === 'attemptEnded') ended.push(event.attemptId);
        return Promise.resolve();
      },
    },
    ...{ version: 'test', imageDigest: 'none', trajectoriesPerSlot: 1, contextCharacters: 1000, heartbeatMs: 1000 },
    slots,
    trouble,
    random: () => 0.5,
    ...more,
  });
}

const emptyEngine: AgentPorts['engine'] = {
  list: () => Promise.resolve([]),
  remove: () => Promise.resolve(),
  silence: () => Promise.resolve(),
};

test('a host forgets an attempt when 200 later ones have ended, so that weeks of them cost it no more than a day', async () => {
  const ended: string[] = [];
  const agent = await hostThatFails(ended);
  const order = { ...sampleOrder(sha256('a bundle')), answerIsStart: true };
  for (let number = 1; number <= 201; number += 1) {
    expect(agent.start({ ...order, attemptId: attemptId(`attempt-${number}`) })).toEqual({ alreadyKnown: false });
    await vi.waitFor(() => expect(ended).toContain(`attempt-${number}`), { interval: 1 });
    agent.confirm([number]);
  }
  expect(agent.start({ ...order, attemptId: attemptId('attempt-2') })).toEqual({ alreadyKnown: true });
  expect(agent.start({ ...order, attemptId: attemptId('attempt-1') })).toEqual({ alreadyKnown: false });
  await agent.stop();
});

test('the book forgets in the order of ends: an attempt that took long is known when it has just ended', () => {
  const book = openHostBook(':memory:');
  const [order, at] = [sampleOrder(sha256('a bundle')), systemClock.now()];
  const entry = { kind: 'reported', elapsedSeconds: 1 } as const;
  const named = (name: string): AttemptOrder => ({ ...order, attemptId: attemptId(name) });
  const end = (one: AttemptOrder): void => book.end(one, entry, startOf(one), at);
  book.open(named('long'), entry, undefined, at);
  for (let number = 1; number <= 200; number += 1) {
    book.open(named(`short-${number}`), entry, undefined, at);
    end(named(`short-${number}`));
    expect(book.epochOf('short-1')).toBe(order.epoch);
  }
  end(named('long'));
  expect(book.epochOf('short-1')).toBeUndefined();
  expect(book.attempt('long')?.ended).toBe(true);
  book.close();
});

test('what waits for a receipt is told oldest first, however much it is, also by the book of a daemon that was started again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-book-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'host.sqlite');
  const [order, at] = [sampleOrder(sha256('a bundle')), systemClock.now()];
  const entry = { kind: 'reported', elapsedSeconds: 1 } as const;
  const named = (number: number): AttemptOrder => ({ ...order, attemptId: attemptId(`attempt-${number}`) });
  const sequences = (book: HostBook, limit: number): number[] => book.pendingEvents(limit).map(({ seq }) => seq);
  const upTo = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const first = openHostBook(path);
  for (const number of upTo(1, 1500)) first.end(named(number), entry, startOf(named(number)), at);
  expect(sequences(first, 1000)).toEqual(upTo(1, 1000));
  first.confirm(upTo(1, 900));
  first.confirm([1200]);
  expect(first.pendingCount()).toBe(599);
  expect(sequences(first, 1000)).toEqual([...upTo(901, 1199), ...upTo(1201, 1500)]);
  first.end(named(1501), entry, startOf(named(1501)), at);
  expect(sequences(first, 1000).at(-1)).toBe(1501);
  const told = first.pendingEvents(1000);
  first.close();
  const second = openHostBook(path);
  second.end(named(1502), entry, startOf(named(1502)), at);
  expect(second.pendingEvents(600)).toEqual(told);
  second.confirm(upTo(1, 1501));
  expect(sequences(second, 1000)).toEqual([1502]);
  second.close();
});

test('an end is on the disk before its staged files go and before anybody hears of it', async () => {
  const disk = Promise.withResolvers<void>();
  const book = openHostBook(':memory:');
  const ended: string[] = [];
  let isStaged = true;
  const removeStaging = (): Promise<void> => {
    isStaged = false;
    return Promise.resolve();
  };
  const agent = await hostThatFails(ended, {
    book: { ...book, flush: () => disk.promise },
    openPerformer: () => ({ ...performer, removeStaging }),
  });
  agent.start({ ...sampleOrder(sha256('a bundle')), answerIsStart: true });
  await vi.waitFor(() => expect(book.attempt('attempt-1')?.ended).toBe(true), { interval: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([isStaged, ended]).toEqual([true, []]);
  disk.resolve();
  await vi.waitFor(() => expect(ended).toEqual(['attempt-1']), { interval: 1 });
  expect(isStaged).toBe(false);
  await agent.stop();
});

test('a host in trouble takes nothing new and says why, what runs there goes on, and afterwards it is as before', async () => {
  const ended: string[] = [];
  let trouble = '';
  const waiting: Performer = { ...performer, perform: () => new Promise(() => undefined) };
  const agent = await hostThatFails(ended, { openPerformer: () => waiting }, () => trouble);
  const order = { ...sampleOrder(sha256('a bundle')), answerIsStart: true };
  agent.start(order);
  trouble = 'its certificate ended';
  agent.slotsChanged();
  expect(agent.describe().slots).toMatchObject([{ health: 'unusable', healthReason: 'its certificate ended' }]);
  expect(() => agent.start({ ...order, attemptId: attemptId('attempt-2') })).toThrow(/unusable: its certificate ended/);
  await new Promise((resolve) => setImmediate(resolve));
  expect(agent.describe().slots[0]?.attempts).toHaveLength(1);
  trouble = '';
  expect(agent.describe().slots).toMatchObject([{ health: 'healthy', healthReason: '' }]);
  await agent.stop();
  expect(ended).toEqual([]);
});

test('what runs on a slot goes on where nothing is known of it, and ends where it is known to be unusable', async () => {
  const ended: string[] = [];
  let signs: Partial<HostSlot> = {};
  const untilAborted: Performer['perform'] = (command, signal) =>
    command.kind === 'prepare'
      ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      : performer.perform(command, signal);
  const waiting: Performer = { ...performer, perform: untilAborted };
  const slots = (): HostSlot[] => cpuSlots(1).map((slot) => ({ ...slot, ...signs }));
  const agent = await hostThatFails(ended, { openPerformer: () => waiting }, undefined, slots);
  const order = { ...sampleOrder(sha256('a bundle')), answerIsStart: true };
  agent.start(order);
  signs = { health: 'unusable', healthReason: 'the driver does not answer', runsOn: true };
  agent.slotsChanged();
  expect(() => agent.start({ ...order, attemptId: attemptId('attempt-2') })).toThrow(/unusable: the driver does not/);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([ended, agent.describe().slots[0]?.attempts.length]).toEqual([[], 1]);
  signs = { health: 'unusable', healthReason: 'the device has fallen off the bus' };
  agent.slotsChanged();
  await vi.waitFor(() => expect(ended).toEqual(['attempt-1']), { interval: 1 });
  await agent.stop();
});

/** A book in which an attempt was at work when its daemon was killed, and the engine with its sandbox. */
async function leftAtWork(order: AttemptOrder): Promise<Pick<AgentPorts, 'book' | 'engine' | 'openPerformer'>> {
  const book = openHostBook(':memory:');
  const waiting: Performer = {
    ...performer,
    perform: (command, signal) =>
      command.kind === 'callModel'
        ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        : performer.perform(command, signal),
  };
  const begun: Performer = {
    ...waiting,
    perform: (command, signal) =>
      command.kind === 'prepare'
        ? Promise.resolve({ kind: 'begun', messages: [], elapsedSeconds: 0 })
        : waiting.perform(command, signal),
  };
  const openPerformer = (): Performer => begun;
  const { runId, attemptId: id, epoch, slotId } = order;
  const sandbox = { runId, attemptId: id, epoch, slotId, containerId: 'c', purpose: 'explore', running: true } as const;
  const done = () => Promise.resolve();
  const engine = { list: () => Promise.resolve([sandbox]), remove: done, silence: done };
  const first = await hostThatFails([], { book, openPerformer, engine });
  first.start(order);
  await vi.waitFor(() => expect(book.entries(order.attemptId, 0)).toHaveLength(2));
  await first.stop();
  return { book, engine, openPerformer };
}

test('what an earlier daemon left at work on a slot that has failed since ends as soon as it is taken up', async () => {
  const order = { ...sampleOrder(sha256('a bundle')), answerIsStart: true };
  const left = await leftAtWork(order);
  const ended: string[] = [];
  const failed = { health: 'unusable', healthReason: 'Xid 79' } as const;
  const agent = await hostThatFails(ended, left, undefined, () => cpuSlots(1).map((slot) => ({ ...slot, ...failed })));
  agent.slotsChanged();
  agent.renew([order], 10_000);
  await vi.waitFor(() => expect(ended).toEqual([order.attemptId]), { interval: 1 });
  await agent.stop();
});

test('a start beside what an earlier daemon left at work is not alone on its slot, and one that is stopped waits no longer', async () => {
  const order = { ...sampleOrder(sha256('a bundle')), answerIsStart: true };
  const left = await leftAtWork(order);
  const asked: boolean[] = [];
  const idle = (_: string, isAlone: boolean): Promise<void> => {
    asked.push(isAlone);
    return new Promise(() => undefined);
  };
  const ended: string[] = [];
  const agent = await hostThatFails(ended, left, undefined, undefined, { idle, trajectoriesPerSlot: 2 });
  const second = { ...order, attemptId: attemptId('attempt-2') };
  agent.start(second);
  await vi.waitFor(() => expect(asked).toEqual([false]));
  agent.cancel(second, 'enough');
  await vi.waitFor(() => expect(ended).toEqual(['attempt-2']), { interval: 1 });
  await agent.stop();
});
