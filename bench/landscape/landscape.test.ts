import { expect, test } from 'vitest';
import { calibrate, type RecordedAttempt } from './calibration.ts';
import { assumptions } from './landscape.ts';
import { playRun } from './search-run.ts';

function recorded(): RecordedAttempt[] {
  const attempt = (id: string, operator: string, parents: string[], score: number): RecordedAttempt => {
    return { id, operator, parents, failed: false, seconds: 10, score, standardError: 0.1 };
  };
  const drafts = [1, 2, 3].map((score) => attempt(`d${score}`, 'draft', [], score));
  const children = Array.from({ length: 10 }, (_, index) => attempt(`m${index}`, 'mutate', ['d2'], 2 - index / 10));
  const failed = { id: 'f', operator: 'draft', parents: [], failed: true, seconds: 10 };
  return [...drafts, ...children, attempt('x', 'crossover', ['d1', 'd3'], 2.5), failed];
}

test('gains are in standard deviations of drafts, over the better parent, and signed so that more is better', () => {
  const known = calibrate([{ task: 't', lowerIsBetter: true, attempts: recorded() }]);
  expect(known.gains.mutate.slice(0, 2)).toEqual([0, expect.closeTo(0.1, 6)]);
  // The better parent of the crossover is the one with the lower score.
  expect(known.gains.crossover).toEqual([-1.5]);
  expect(known.noise).toBeCloseTo(0.1, 6);
  expect(known.failureShare).toBeCloseTo(1 / 15, 3);
  expect(() => calibrate([{ task: 't', lowerIsBetter: true, attempts: [] }])).toThrow('8 are needed');
});

test('a simulated run keeps every slot at work, and wrong metrics are believed only where nobody checks', () => {
  const known = {
    ...calibrate([{ task: 't', lowerIsBetter: true, attempts: recorded() }]),
    durationSigma: 0.3,
    gains: { mutate: [-0.2, 0, 0.1, 0.3], crossover: [] },
  };
  const setting = { slots: 16, hours: 40, seed: 'a' } as const;
  const hidden = playRun({ ...setting, scoring: 'hidden' }, known, assumptions);
  const own = playRun({ ...setting, scoring: 'own' }, known, assumptions);
  expect(hidden.attempts).toBeGreaterThan(16 * 30);
  expect(hidden.best).toBeGreaterThanOrEqual(hidden.handedIn);
  expect(own.gap).toBeGreaterThan(Math.abs(hidden.gap));
});
