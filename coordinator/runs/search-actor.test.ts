import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { hostName, runId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import type { Command } from '../core/command.ts';
import type { Event } from '../core/event.ts';
import { description, limits, task } from '../core/machine.test-support.ts';
import { defaultOptions } from '../core/options.ts';
import { type Journal, openJournal, stateHash } from '../journal/journal.ts';
import { openSearchActor } from './search-actor.ts';

const directory = mkdtempSync(join(tmpdir(), 'doubleblind-actor-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const joined: Event = { kind: 'hostJoined', host: hostName('alpha'), description: description(2) };
const created: Event = {
  kind: 'runCreated',
  runId: runId('digits-aaaaaa'),
  requestId: 'r',
  task,
  options: { ...defaultOptions, limits },
};

function open(journal: Journal, launched: Command[] = []) {
  const launch = (command: Command): void => {
    launched.push(command);
  };
  return openSearchActor({ journal, clock: systemClock, log: silentLogger, launch });
}

test('no command leaves before its event is in the journal', async () => {
  const journal = openJournal(join(directory, 'order'));
  const onDisk: number[] = [];
  const actor = openSearchActor({
    journal,
    clock: systemClock,
    log: silentLogger,
    launch: () => onDisk.push(journal.fold().sequence),
  });
  actor.start();
  expect(await actor.post(joined)).toBe(true);
  expect(await actor.post(created)).toBe(true);
  expect(await actor.post(created)).toBe(false);
  expect(onDisk).toEqual([actor.state.sequence, actor.state.sequence]);
  actor.stop();
  journal.close();
});

test('the next actor goes on where the last one ended, and issues again what had no outcome', async () => {
  const journal = openJournal(join(directory, 'again'));
  const first = open(journal);
  first.start();
  await first.post(joined);
  await first.post(created);
  first.stop();
  const launched: Command[] = [];
  const second = open(journal, launched);
  expect(stateHash(second.state)).toBe(stateHash(first.state));
  expect(second.clockMs()).toBeGreaterThanOrEqual(first.state.clockMs);
  second.start();
  expect(launched.map((command) => command.kind)).toEqual(['startAttempt', 'startAttempt']);
  await expect(first.post(created)).rejects.toMatchObject({ code: 'unavailable' });
  second.stop();
  journal.close();
});

test('a journal that cannot be written ends the actor, and nothing of the batch is told to anybody', async () => {
  const journal = openJournal(join(directory, 'full'));
  const launched: Command[] = [];
  const full: Journal = {
    ...journal,
    append: () => {
      throw new Error('database or disk is full');
    },
  };
  const actor = open(full, launched);
  actor.start();
  await expect(actor.post(joined)).rejects.toThrow('died');
  await expect(actor.failed).rejects.toMatchObject({ cause: { message: 'database or disk is full' } });
  await expect(actor.post(created)).rejects.toMatchObject({ code: 'unavailable' });
  expect(launched).toEqual([]);
  journal.close();
});

test('a full mailbox refuses, and the sender hears it; what nobody would say again is taken', async () => {
  const journal = openJournal(join(directory, 'mailbox'));
  const actor = open(journal);
  const posts = Array.from({ length: 16_384 }, () => actor.post(joined));
  actor.start();
  await expect(actor.post(joined)).rejects.toMatchObject({ code: 'resourceExhausted' });
  const reported = actor.report(created);
  const admitted = await Promise.all(posts);
  expect(admitted.filter(Boolean)).toHaveLength(1);
  expect(await reported).toBe(true);
  actor.stop();
  journal.close();
});
