import { expect, test } from 'vitest';
import { type BookedAttempt, type FoundContainer, reconcile } from './reconcile.ts';

function container(containerId: string, fields: Partial<FoundContainer> = {}): FoundContainer {
  return { containerId, attemptId: 'a', epoch: 2, purpose: 'explore', running: true, ...fields };
}
function attempt(fields: Partial<BookedAttempt> = {}): BookedAttempt {
  return { attemptId: 'a', epoch: 2, ended: false, needsSandbox: true, ...fields };
}

test('the sandbox of a trajectory under way is taken up again', () => {
  const outcome = reconcile([container('x')], [attempt()]);
  expect(outcome).toEqual({
    remove: [],
    resume: [{ attemptId: 'a', epoch: 2, containerId: 'x', sandboxLost: false }],
  });
});

test('orphans, old epochs, stopped ones, clean-slate runs and those of ended attempts are removed', () => {
  const containers = [
    container('unknown', { attemptId: 'z' }),
    container('old', { epoch: 1 }),
    container('stopped', { running: false }),
    container('cleanSlate', { purpose: 'cleanSlate' }),
    container('ended', { attemptId: 'b' }),
  ];
  const outcome = reconcile(containers, [attempt(), attempt({ attemptId: 'b', ended: true })]);
  expect(outcome.remove).toEqual(['unknown', 'old', 'stopped', 'cleanSlate', 'ended']);
  expect(outcome.resume).toEqual([{ attemptId: 'a', epoch: 2, containerId: null, sandboxLost: true }]);
});

test('an attempt that needs no sandbox yet, or no longer, goes on without one', () => {
  const outcome = reconcile([container('x')], [attempt({ needsSandbox: false })]);
  expect(outcome.remove).toEqual(['x']);
  expect(outcome.resume).toEqual([{ attemptId: 'a', epoch: 2, containerId: null, sandboxLost: false }]);
});

test('only the newest epoch of an attempt is resumed, and one sandbox for it', () => {
  const outcome = reconcile([container('x'), container('y')], [attempt({ epoch: 1 }), attempt()]);
  expect(outcome.resume).toHaveLength(1);
  expect(outcome.remove).toEqual(['y']);
});
