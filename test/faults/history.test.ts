import { expect, test } from 'vitest';
import { type History, problemsOf, staleResults } from './history.ts';

/** A host was lost, its late result came in all the same, and the attempt ran again elsewhere. */
const sound: History = {
  seen: [
    { sequence: 2, kind: 'attemptPlanned', attemptId: 'a', epoch: 0 },
    { sequence: 3, kind: 'attemptLeased', attemptId: 'a', epoch: 1 },
    { sequence: 5, kind: 'attemptLost', attemptId: 'a', epoch: 1 },
    { sequence: 6, kind: 'attemptLeased', attemptId: 'a', epoch: 2 },
    { sequence: 8, kind: 'attemptEnded', attemptId: 'a', epoch: 2 },
    { sequence: 9, kind: 'candidateScored', attemptId: 'a', epoch: 2 },
  ],
  executed: [
    { host: 'one', attemptId: 'a', epoch: 1, submission: 'late' },
    { host: 'two', attemptId: 'a', epoch: 2, submission: 'right' },
  ],
  evaluated: [
    { attemptId: 'a', epoch: 2, submission: 'right', value: 0.5, cached: false },
    { attemptId: 'a', epoch: 2, submission: 'right', value: 0.5, cached: true },
  ],
  finals: [
    { attemptId: 'a', number: 1, host: 'two', epoch: 2, state: 'scored', failure: '', score: 0.5, submission: 'right' },
  ],
  candidatesScored: 1,
};
const final = (changes: Partial<History['finals'][number]>): Partial<History> => ({
  finals: sound.finals.map((one) => ({ ...one, ...changes })),
});

test('a sound history has no problem, and its late result is seen as such', () => {
  expect(problemsOf(sound)).toEqual([]);
  expect(staleResults(sound)).toMatchObject([{ host: 'one', epoch: 1 }]);
});

test.each<[string, Partial<History>]>([
  ['counts with a result of another execution', final({ submission: 'late' })],
  ['a stale result of a (epoch 1) counts', final({ submission: 'late' })],
  ['knows of no epoch 3', final({ epoch: 3 })],
  ['was lost: it is running', final({ state: 'running' })],
  ['was lost: it is failed crash', final({ state: 'failed', failure: 'crash' })],
  ['counts with 0.6, the ledger says 0.5', final({ score: 0.6 })],
  ['two candidates have number 1', { finals: [...sound.finals, ...sound.finals] }],
  ['count with one and the same result', { finals: [...sound.finals, ...sound.finals] }],
  ['the run counts 2 candidates and lists 1', { candidatesScored: 2 }],
  ['the ledger has no score of it', { evaluated: [] }],
  ['a is gone', { finals: [], candidatesScored: 0 }],
  ['a was seen to be scored and is planned', final({ state: 'planned', epoch: 0 })],
  ['a was seen to be scored and is failed', final({ state: 'failed', failure: 'cancelled' })],
  ['was scored afresh twice', { evaluated: [...sound.evaluated, ...sound.evaluated] }],
  ['a was scored twice', { seen: [...sound.seen, { ...sound.seen[5], sequence: 10 } as never] }],
  ['was seen after event 9', { seen: [...sound.seen, sound.seen[0] as never] }],
  ['went from epoch 2 back to 1', { seen: [...sound.seen, { ...sound.seen[2], sequence: 10 } as never] }],
  [
    'the lease of b has epoch 2, after 2',
    { seen: [...sound.seen, { sequence: 10, kind: 'attemptLeased', attemptId: 'b', epoch: 2 }] },
  ],
])('it finds: %s', (problem, changes) => {
  expect(problemsOf({ ...sound, ...changes }).join('\n')).toContain(problem);
});
