import { expect, test, vi } from 'vitest';
import { handClock } from '../../shared/hand-clock.test-support.ts';
import { watchEngine } from './engine-watch.ts';
import { SandboxError, SandboxInterrupted } from './sandbox.ts';

function watched() {
  const clock = handClock();
  const docker: { isAway: boolean; checks: number } = { isAway: false, checks: 0 };
  const check = async () => {
    docker.checks += 1;
    if (docker.isAway) throw new SandboxError('no Docker engine answers');
    return await Promise.resolve({ engineVersion: 'fake', imageDigest: 'fake' });
  };
  const changes: string[] = [];
  const watch = watchEngine({ engine: { check }, clock, stopping: new AbortController().signal });
  watch.onChange(() => changes.push(watch.trouble()));
  return { ...watch, clock, docker, changes };
}

test('an engine that is away is a trouble of its host from the first failure until it answers', async () => {
  const { note, trouble, clock, docker, changes } = watched();
  docker.isAway = true;
  note(new SandboxInterrupted('no Docker engine answers'));
  expect(trouble()).toContain('no sandbox can be made: no Docker engine answers');
  await vi.waitFor(() => expect(changes).toHaveLength(1));
  note(new SandboxError('another one'));
  docker.isAway = false;
  clock.advance(10_000);
  await vi.waitFor(() => expect(trouble()).toBe(''));
  expect(changes).toEqual([expect.stringContaining('no Docker engine answers'), '']);
  expect(docker.checks).toBe(2);
});

test('what else fails, and a failure of an engine that answers, changes nothing', async () => {
  const { note, trouble, changes, docker } = watched();
  note(new Error('a bug'));
  expect(trouble()).toBe('');
  note(new SandboxError('there is no image x'));
  expect(trouble()).toBe('');
  await vi.waitFor(() => expect(trouble()).toBe(''));
  expect([changes, docker.checks]).toEqual([[], 1]);
  docker.isAway = true;
  note(new SandboxError('the engine failed'));
  await vi.waitFor(() => expect(trouble()).toContain('no Docker engine answers'));
});
