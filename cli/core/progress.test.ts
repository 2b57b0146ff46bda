import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noStyle } from '../terminal/style.ts';
import { sampleCandidate, sampleRun, sampleTask } from '../testing/sample-run.ts';
import { ranking } from './history.ts';
import type { Candidate, RunEvent } from './model.ts';
import { endedLine, fold, frame, type Happening, newProgress, type Progress, sparkline } from './progress.ts';

const run = sampleRun({ options: null });

function event(sequence: number, candidate: Candidate | null, fields: Partial<RunEvent> = {}): RunEvent {
  return { sequence, at: null, kind: 'x', candidate, run, ...fields };
}

function foldAll(events: readonly RunEvent[]): { happenings: Happening[]; progress: Progress } {
  const progress = newProgress();
  const happenings = events.flatMap((one) => fold(progress, one));
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
  expect(sparkline(progress)).toBe('▁▅▅█');
});

/** A candidate that counts how often somebody looks at its state or its score. */
function watched(fields: Partial<Candidate>, looks: { count: number }): Candidate {
  const { state, searchScore, ...rest } = sampleCandidate(fields);
  return {
    ...rest,
    get state() {
      looks.count += 1;
      return state;
    },
    get searchScore() {
      looks.count += 1;
      return searchScore;
    },
  };
}

test('an event, its line and the picture after it cost the same however many came before', () => {
  const looks = { count: 0 };
  const progress = newProgress(run);
  const { candidates } = progress;
  const costs: number[] = [];
  for (let number = 1; number <= 600; number += 1) {
    looks.count = 0;
    const fields = { candidateId: `c-${number}`, number, searchScore: 0.5, parentIds: [`c-${number - 1}`] };
    for (const one of fold(progress, event(number, watched(fields, looks)))) {
      if (one.kind === 'ended') endedLine(one.candidate, one.isBest, progress, noStyle);
    }
    frame(progress, new Map(), { runSeconds: number, atMs: 0 }, noStyle);
    costs.push(looks.count);
  }
  expect(progress.candidates).toBe(candidates);
  expect(candidates.size).toBe(600);
  expect(costs.at(-1)).toBe(costs[50]);
});

test('the best is the same whether it is kept event by event or looked for among all, also where a score is taken back', () => {
  const score = fc.integer({ min: 0, max: 6 });
  const change = fc.tuple(
    fc.integer({ min: 1, max: 5 }),
    score,
    fc.constantFrom('scored' as const, 'quarantined' as const),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.boolean(), (changes, lowerIsBetter) => {
      const task = { ...run, taskInfo: { ...sampleTask, lowerIsBetter } };
      const progress = newProgress(task);
      for (const [index, [number, searchScore, state]] of changes.entries()) {
        fold(progress, {
          ...event(index + 1, sampleCandidate({ candidateId: `c-${number}`, number, searchScore, state })),
          run: task,
        });
        const best = ranking([...progress.candidates.values()], lowerIsBetter)[0];
        expect(progress.leader?.candidateId).toBe(best?.candidateId);
      }
    }),
  );
});

test('what a fork began with counts for its best, and is told by nobody', () => {
  const progress = newProgress(run, [sampleCandidate({ searchScore: 0.1, inheritedFrom: 'other' })]);
  const worse = sampleCandidate({ candidateId: 'c-2', number: 2, searchScore: 0.2 });
  expect(fold(progress, event(1, worse))).toMatchObject([{ kind: 'ended', isBest: false }]);
  expect(progress.leader?.number).toBe(1);
});
