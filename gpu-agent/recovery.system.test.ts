import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { adoptionsInVain, mostAdoptions } from './core/reconcile.ts';
import { openHostBook } from './outbox/host-book.ts';
import { sweepStaging } from './recovery.ts';
import { openRig, type Rig } from './testing/agent-rig.ts';
import { answer, scriptedModel } from './testing/scripted-model.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.remove());

const name = { attemptId: 'attempt-1', epoch: 1 };
const silent = () => scriptedModel([() => new Promise<ReturnType<typeof answer>>(() => undefined)]);
const kinds = (transcript: string) => transcript.split(' ').map((kind) => ({ kind }));

test('only the last adoptions in a row are in vain', () => {
  expect(adoptionsInVain(kinds('planned begun'))).toBe(0);
  expect(adoptionsInVain(kinds('planned resumed begun resumed resumed'))).toBe(2);
  expect(adoptionsInVain(kinds('resumed resumed toolEnded'))).toBe(0);
  expect(adoptionsInVain(kinds('begun resumed guided resumed'))).toBe(2);
});

test('an attempt that was taken up again and again without getting anywhere is reported as a failure of the host', async () => {
  const agent = await rig.start(silent());
  agent.start(rig.order());
  await vi.waitFor(async () => expect(await rig.sandboxes()).toBe(1), { timeout: 20_000 });
  await agent.stop();
  // As if each of these daemons had died with it.
  const book = openHostBook(join(rig.directory, 'host.sqlite'));
  const resumed = { kind: 'resumed', elapsedSeconds: 1 } as const;
  for (let daemon = 1; daemon < mostAdoptions; daemon += 1) book.append(rig.order(), resumed, systemClock.now());
  book.close();
  const next = await rig.start(silent());
  expect(next.renew([name], 60_000)).toEqual([]);
  await next.stop();
  const last = await rig.start(silent());
  await vi.waitFor(() => expect(rig.bus.ended('attempt-1')).toBeDefined(), { timeout: 20_000 });
  const body = rig.bus.ended('attempt-1')?.body;
  expect(body).toMatchObject({ failureReason: 'infrastructure', failureMessage: expect.stringContaining('5 times') });
  expect(await rig.sandboxes()).toBe(0);
  expect(last.describe().slots.every(({ attempts }) => attempts.length === 0)).toBe(true);
  expect(last.start(rig.order({ epoch: 2 }))).toEqual({ alreadyKnown: false });
});

test('a transcript that cannot be read ends one attempt and not the daemon', async () => {
  const agent = await rig.start(silent());
  agent.start(rig.order());
  await agent.stop();
  const book = openHostBook(join(rig.directory, 'host.sqlite'));
  book.append(rig.order(), { kind: 'begun' } as never, systemClock.now());
  book.append(rig.order(), { kind: 'modelAnswered' } as never, systemClock.now());
  book.close();
  await rig.start(silent());
  await vi.waitFor(() => expect(rig.bus.ended('attempt-1')?.body.failureReason).toBe('infrastructure'), {
    timeout: 20_000,
  });
});

test('a stopping agent waits for what is about to end, and for no longer than it was told', async () => {
  const waiting = Promise.withResolvers<ReturnType<typeof answer>>();
  const agent = await rig.start(scriptedModel([() => waiting.promise]));
  agent.start(rig.order({ limits: { ...rig.order().limits, turns: 1 } }));
  agent.drain();
  expect(await agent.settle(1)).toBe(false);
  const settled = agent.settle(60_000);
  waiting.resolve(answer('I give up', []));
  await vi.waitFor(() => expect(rig.bus.ended('attempt-1')).toBeDefined(), { timeout: 20_000 });
  agent.confirm(rig.bus.results.map(({ seq }) => seq));
  expect(await settled).toBe(true);
  expect(() => agent.start(rig.order({ epoch: 9 }))).toThrow('takes no new attempts');
});

test('what attempts of earlier daemons staged is removed, but for those that go on', async () => {
  const staging = join(rig.directory, 'staging');
  const agent = await rig.start(silent());
  agent.start(rig.order());
  await agent.stop();
  for (const directory of ['attempt-1-1', 'attempt-1-0', 'attempt-9-4'])
    mkdirSync(join(staging, directory), { recursive: true });
  const book = openHostBook(join(rig.directory, 'host.sqlite'));
  expect(await sweepStaging(staging, book)).toBe(2);
  expect(readdirSync(staging)).toEqual(['attempt-1-1']);
  expect(await sweepStaging(join(rig.directory, 'nowhere'), book)).toBe(0);
  book.close();
});
