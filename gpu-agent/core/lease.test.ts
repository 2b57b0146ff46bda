import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fence, grant, type Leases, nextFenceMs, noLeases, offer, release, renew } from './lease.ts';

const lease = { attemptId: 'a', epoch: 3, ttlMs: 1000, renewedAtMs: 0 };

test('work is fenced at 0.8 of the term since the last renewal, and not a moment before', () => {
  const granted = grant(noLeases, lease);
  expect(nextFenceMs(granted)).toBe(800);
  expect(fence(granted, 799).fenced).toEqual([]);
  const renewed = renew(granted, 'a', 3, 1000, 700);
  expect(renewed && fence(renewed, 1499).fenced).toEqual([]);
  expect(renewed && fence(renewed, 1500).fenced).toHaveLength(1);
});

test('a start is new, known, newer or older by the epoch that the book knows', () => {
  expect(offer(undefined, 1)).toBe('new');
  expect(offer(3, 3)).toBe('known');
  expect(offer(3, 4)).toBe('newer');
  expect(offer(3, 2)).toBe('older');
});

test('an older lease takes the place of none', () => {
  const granted = grant(noLeases, lease);
  expect(grant(granted, { ...lease, epoch: 2 }).get('a')).toEqual(lease);
  expect(grant(granted, { ...lease, epoch: 4 }).get('a')?.epoch).toBe(4);
});

test('a renewal under another epoch, or of what is not held, is refused', () => {
  const granted = grant(noLeases, lease);
  expect(renew(granted, 'a', 2, 1000, 1)).toBeNull();
  expect(renew(granted, 'b', 3, 1000, 1)).toBeNull();
  expect(renew(fence(granted, 900).leases, 'a', 3, 1000, 901)).toBeNull();
});

test('a renewal that is read after the fence comes too late', () => {
  const granted = grant(noLeases, lease);
  expect(renew(granted, 'a', 3, 1000, 799)).not.toBeNull();
  expect(renew(granted, 'a', 3, 1000, 800)).toBeNull();
});

test('no held epoch falls and no held lease is past its fence, whatever is asked in whatever order', () => {
  const attempt = fc.constantFrom('a', 'b');
  const epoch = fc.integer({ min: 0, max: 5 });
  const action = fc.oneof(
    fc.record({ kind: fc.constant('grant' as const), attempt, epoch }),
    fc.record({ kind: fc.constant('renew' as const), attempt, epoch }),
    fc.record({ kind: fc.constant('release' as const), attempt, epoch }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.integer({ min: 0, max: 400 })), { maxLength: 40 }), (steps) => {
      let leases: Leases = noLeases;
      let atMs = 0;
      for (const [{ kind, attempt: attemptId, epoch: number }, waited] of steps) {
        atMs += waited;
        const before = leases;
        if (kind === 'grant') leases = grant(leases, { attemptId, epoch: number, ttlMs: 500, renewedAtMs: atMs });
        if (kind === 'renew') leases = renew(leases, attemptId, number, 500, atMs) ?? leases;
        if (kind === 'release') leases = release(leases, attemptId, number);
        for (const [id, held] of before) expect(leases.get(id)?.epoch ?? held.epoch).toBeGreaterThanOrEqual(held.epoch);
        leases = fence(leases, atMs).leases;
        expect(nextFenceMs(leases) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(atMs);
      }
    }),
    { numRuns: 200 },
  );
});
