import { expect, test } from 'vitest';
import { noStyle } from '../terminal/style.ts';
import { sampleCandidate, sampleRun } from '../testing/sample-run.ts';
import type { Candidate, RunEvent } from './model.ts';
import { endedLine, fold, frame, type Happening, noProgress, sparkline } from './progress.ts';

const run = sampleRun({ options: null });

function event(sequence: number, candidate: Candidate | null, fields: Partial<RunEvent> = {}): RunEvent {
  return { sequence, at: null, kind: 'x', candidate, run, ...fields };
}

function foldAll(events: readonly RunEvent[]): { happenings: Happening[]; progress: typeof noProgress } {
  let progress = noProgress;
  const happenings: Happening[] = [];
  for (const one of events) {
    const [next, more] = fold(progress, one);
    progress = next;
    happenings.push(...more);
  }
  return { progress, happenings };
}

const running = sampleCandidate({ state: 'running', searchScore: null, endedAt: null });
const scored = sampleCandidate();

test('each start and each end is told once, however often an event comes', () => {
  const events = [
    event(1, running),
    event(1, running),
    event(2, running),
    event(3, scored),
    event(3, scored),
    event(4, scored),
  ];
  const { happenings } = foldAll(events);
  expect(happenings.map((one) => one.kind)).toEqual(['started', 'state', 'ended']);
});

test('a better score is told as the new best, an equal one is not', () => {
  const second = sampleCandidate({ candidateId: 'c-2', number: 2, searchScore: 0.1 });
  const third = sampleCandidate({ candidateId: 'c-3', number: 3, searchScore: 0.1 });
  const { happenings } = foldAll([event(1, scored), event(2, second), event(3, third)]);
  expect(happenings.flatMap((one) => (one.kind === 'ended' ? [one.isBest] : []))).toEqual([true, true, false]);
});

test('the line of an ended candidate has what matters and nothing that a terminal would obey', () => {
  const { progress } = foldAll([event(1, scored)]);
  const line = endedLine({ ...scored, note: 'Idea: \u001b[2Jwipe' }, true, progress, noStyle);
  expect(line).toBe('✓   #1  draft                 0.200 ± 0.020         4.2 s  wipe');
  const failed = sampleCandidate({
    state: 'failed',
    searchScore: null,
    failureReason: 'timeout',
    failureMessage: 'main.py was stopped',
  });
  expect(endedLine(failed, false, progress, noStyle)).toContain(
    '✗   #1  draft                 out of time         main.py was stopped',
  );
});

test('the live view shows budget, best and what each attempt does', () => {
  const other = sampleCandidate({ ...running, candidateId: 'c-2', number: 2, operator: 'mutate', parentIds: ['c-1'] });
  const { progress } = foldAll([event(1, scored), event(2, other)]);
  const lines = frame(
    progress,
    new Map([['c-2', 'python: fits a forest']]),
    { runSeconds: 12, atMs: Date.parse(other.startedAt ?? '') + 5000 },
    noStyle,
  );
  expect(lines[1]).toBe('digits · log-loss (lower is better) · 12 s');
  expect(lines[2]).toContain('best 0.200 ± 0.020 by #1');
  expect(lines[3]).toBe('▸   #2  mutate ← #1           cpu-0    5.0 s  python: fits a forest');
});

test('the sparkline grows as the search gets better, in both directions of a metric', () => {
  const scores = [0.9, 0.5, 0.7, 0.1];
  const events = scores.map((searchScore, index) =>
    event(
      index + 1,
      sampleCandidate({
        candidateId: `c-${index}`,
        number: index + 1,
        searchScore,
        endedAt: `2026-03-01T09:00:0${index}Z`,
      }),
    ),
  );
  const { progress } = foldAll(events);
  expect(sparkline(progress, run)).toBe('▁▅▅█');
});
