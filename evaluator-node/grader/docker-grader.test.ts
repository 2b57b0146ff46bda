// What the grader does with a host of containers that fails; grader.contract.test.ts has the real engine.

import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { SandboxError } from '../../shared/sandbox/sandbox-error.ts';
import { createDockerGrader } from './docker-grader.ts';

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
  const limits = { memoryBytes: 2 ** 28, cpus: 1, timeoutMs: 60_000, atOnce: 1 };
  const grader = createDockerGrader({ image: 'x', installation: 'test', ...limits, directory, clock }, host);
  const call = { program: '', functionName: 'grade', seed: 7, answers: Buffer.from(''), submission: Buffer.from('') };
  await expect(grader.grade(call)).rejects.toThrow('no room');
  expect(stream.destroyed).toBe(true);
  await vi.waitFor(() => expect(timers).toBe(0));
  expect([removed, readdirSync(directory)]).toEqual([['c'], []]);
});
