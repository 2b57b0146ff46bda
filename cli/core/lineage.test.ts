import { expect, test } from 'vitest';
import { sampleCandidate, sampleReport } from '../testing/sample-run.ts';
import { beats, bestSoFar, label, ranking } from './history.ts';
import { failureDetail, lineage, lineageLines, lineageText, standing } from './lineage.ts';

const family = [
  sampleCandidate({ candidateId: 'a', number: 1, searchScore: 0.5 }),
  sampleCandidate({ candidateId: 'b', number: 2, searchScore: 0.4, operator: 'mutate', parentIds: ['a'] }),
  sampleCandidate({ candidateId: 'c', number: 3, searchScore: 0.3, operator: 'crossover', parentIds: ['b', 'a'] }),
  sampleCandidate({
    candidateId: 'd',
    number: 4,
    searchScore: null,
    state: 'failed',
    failureReason: 'outOfMemory',
    operator: 'mutate',
    parentIds: ['a'],
  }),
];

test('children hang below their first parent, and a second parent is named', () => {
  expect(lineageLines(family).map(({ branches, candidate }) => branches + lineageText(candidate, family))).toEqual([
    '#1 draft  0.500 ± 0.020  a forest',
    '├─ #2 mutate  0.400 ± 0.020  a forest',
    '│  └─ #3 crossover with #1  0.300 ± 0.020  a forest',
    '└─ #4 mutate  out of memory  a forest',
  ]);
});

test('a candidate that names itself or a later one as parent is a root, not a cycle', () => {
  const odd = [
    sampleCandidate({ candidateId: 'x', number: 1, parentIds: ['y'] }),
    sampleCandidate({ candidateId: 'y', number: 2, parentIds: ['y'] }),
  ];
  expect(lineage(odd).map((node) => node.candidate.candidateId)).toEqual(['x', 'y']);
});

test('the ranking follows the direction of the metric and leaves failures out', () => {
  expect(ranking(family, true).map((one) => one.candidateId)).toEqual(['c', 'b', 'a']);
  expect(ranking(family, false).map((one) => one.candidateId)).toEqual(['a', 'b', 'c']);
  expect(beats(1, 2, true)).toBe(true);
  expect(beats(1, 2, false)).toBe(false);
  expect(beats(Number.NaN, 2, true)).toBe(false);
});

test('the best-so-far curve only improves, in the order in which candidates ended', () => {
  const { run, candidates } = sampleReport({ candidates: 60 });
  const curve = bestSoFar(run, candidates, true);
  expect(curve.length).toBeGreaterThan(3);
  for (const [index, point] of curve.entries()) {
    const before = curve[index - 1];
    if (before === undefined) continue;
    expect(point.score).toBeLessThan(before.score);
    expect(point.seconds).toBeGreaterThanOrEqual(before.seconds);
  }
});

test('a failure is told by the line of the traceback that says most', () => {
  const failed = sampleCandidate({
    state: 'failed',
    failureReason: 'crash',
    failureMessage:
      'main.py ended with status 1.\nTraceback (most recent call last):\n  File "main.py"\nValueError: no rows\n',
  });
  expect(failureDetail(failed)).toBe('ValueError: no rows');
  expect(standing(failed)).toBe('crash');
  expect(label('unknown-candidate-id', family)).toBe('unknown-cand');
  expect(label('canary-ca978ad-0012', family)).toBe('#12');
});
