import fc from 'fast-check';
import { expect, test } from 'vitest';
import { percent } from '../core/quantity.ts';
import { sampleCandidate } from '../testing/sample-run.ts';
import { busyShare } from './facts.ts';

function attempt(slotId: string, from: number, to: number) {
  const at = (seconds: number): string => new Date(Date.UTC(2026, 2, 1) + seconds * 1000).toISOString();
  return sampleCandidate({ slotId, startedAt: at(from), endedAt: at(to) });
}

test('attempts that share a slot at a time make it no busier than one of them alone', () => {
  const two = [attempt('cpu-0', 0, 50), attempt('cpu-0', 0, 50), attempt('cpu-0', 99.9, 100)];
  expect(busyShare(two)).toBe('50 %');
  const inside = [attempt('cpu-0', 0, 40), attempt('cpu-0', 10, 20), attempt('cpu-0', 30, 60)];
  expect(busyShare([...inside, attempt('cpu-1', 0, 100)])).toBe('80 %');
  expect(busyShare([attempt('cpu-0', 0, 10), attempt('cpu-0', 10, 20)])).toBe('100 %');
  expect(busyShare([sampleCandidate({ startedAt: null })])).toBe('–');
});

test('the share is that of the seconds in which a slot has somebody', () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 8 }), (spans) => {
      const busy = new Set(spans.flatMap(([from, length]) => Array.from({ length }, (_, second) => from + second)));
      const start = Math.min(...spans.map(([from]) => from));
      const end = Math.max(...spans.map(([from, length]) => from + length));
      const share = percent(busy.size / (end - start));
      expect(busyShare(spans.map(([from, length]) => attempt('cpu-0', from, from + length)))).toBe(share);
    }),
  );
});
