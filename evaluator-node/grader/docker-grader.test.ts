// What the grader does with a host of containers that fails; grader.contract.test.ts has the real engine.

import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../shared/clock.ts';
import type { ContainerState } from '../../shared/sandbox/container-host.ts';
import { SandboxError } from '../../shared/sandbox/sandbox-error.ts';
import { createDockerGrader } from './docker-grader.ts';

/** A host whose container says `words`, and then counts as ended so. */
function hostSaying(words: string, state: ContainerState | undefined) {
  const stream = new PassThrough();
  return {
    check: () => Promise.reject(new Error('not asked')),
    create: () => Promise.resolve('c'),
    attach: () => Promise.resolve(stream),
    start: () => Promise.resolve(void stream.end(frame(words))),
    state: () => Promise.resolve(state),
    list: () => Promise.resolve([]),
    remove: () => Promise.resolve(),
  };
}

/** As the engine multiplexes standard output. */
function frame(words: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(words.length, 4);
  return Buffer.concat([head, Buffer.from(words)]);
}

const endedWell = { running: false, outOfMemory: false, killed: false, exitStatus: 0 };
const limits = { memoryBytes: 2 ** 28, cpus: 1, timeoutMs: 60_000, atOnce: 1 };
const call = { program: '', functionName: 'grade', seed: 7, answers: Buffer.from(''), submission: Buffer.from('') };
/** The pause before a look is none; the time limit stays. */
const hurried: Clock = { ...systemClock, after: (ms, act) => systemClock.after(ms === limits.timeoutMs ? ms : 0, act) };

test.each([
  ['runs on, as its engine was started again', { running: true, outOfMemory: false }],
  ['was removed', undefined],
])('a grader whose container %s has said nothing about the submission', async (_, state) => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-grading-'));
  const config = { image: 'x', installation: 'test', ...limits, directory, clock: hurried };
  await expect(createDockerGrader(config, hostSaying('', state)).grade(call)).rejects.toThrow(SandboxError);
  const whole = await createDockerGrader(config, hostSaying('{"value": 0.5}', state)).grade(call);
  expect(whole).toEqual({ ok: true, value: { value: 0.5 } });
});

test('a grader whose container is killed has no crash of its own, and whoever asks again is not asked to do so for ever', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-grading-'));
  const host = hostSaying('', { running: false, outOfMemory: false, killed: true });
  const grader = createDockerGrader({ image: 'x', installation: 'test', ...limits, directory, clock: hurried }, host);
  expect(await grader.grade(call)).toEqual({ ok: false, error: 'outOfMemory' });
});

test('a grader that ended well while its engine was away has given an answer that was lost, and is run once more', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-grading-'));
  const hosts = ['', '{"value": 0.5}', '', ''].map((words) => hostSaying(words, endedWell));
  let current = hostSaying('', endedWell);
  const left: string[] = [];
  const host: typeof current = {
    ...current,
    create() {
      current = hosts.shift() ?? current;
      return current.create();
    },
    attach: () => current.attach(),
    start: () => current.start(),
    remove: () => Promise.reject(new SandboxError('no Docker engine answers')),
  };
  const config = { image: 'x', installation: 'test', ...limits, directory, clock: hurried };
  const grader = createDockerGrader({ ...config, left: (id) => left.push(id) }, host);
  expect(await grader.grade(call)).toEqual({ ok: true, value: { value: 0.5 } });
  expect(left).toEqual(['c', 'c']);
  // One whose author ends the process is not run for ever.
  expect(await grader.grade(call)).toEqual({ ok: false, error: 'crashed' });
  expect(hosts).toEqual([]);
});

test('a grader that ends by itself without an answer has crashed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-grading-'));
  const host = hostSaying('Traceback', { running: false, outOfMemory: false, killed: false });
  const grader = createDockerGrader({ image: 'x', installation: 'test', ...limits, directory, clock: hurried }, host);
  expect(await grader.grade(call)).toEqual({ ok: false, error: 'crashed' });
});

test('a container that cannot be started leaves no pipe, no timer, no files and no container', async () => {
  const directory = join(mkdtempSync(join(tmpdir(), 'doubleblind-grading-')), 'calls');
  const stream = new PassThrough();
  const removed: string[] = [];
  let timers = 0;
  const clock: Clock = {
    ...systemClock,
    after() {
      timers += 1;
      return {
        cancel() {
          timers -= 1;
        },
      };
    },
  };
  const host = {
    check: () => Promise.reject(new Error('not asked')),
    create: () => Promise.resolve('c'),
    attach: () => Promise.resolve(stream),
    start: () => Promise.reject(new SandboxError('no room for another process')),
    state: () => Promise.resolve(undefined),
    list: () => Promise.resolve([]),
    async remove(id: string) {
      removed.push(id);
    },
  };
  const grader = createDockerGrader({ image: 'x', installation: 'test', ...limits, directory, clock }, host);
  await expect(grader.grade(call)).rejects.toThrow('no room');
  expect(stream.destroyed).toBe(true);
  await vi.waitFor(() => expect(timers).toBe(0));
  expect([removed, readdirSync(directory)]).toEqual([['c'], []]);
});
