import fc from 'fast-check';
import { expect, test } from 'vitest';
import { beginRanking, type Ranking, rank } from './ranking.ts';

const prompts = { count: 3, sketch: 'sketch', judge: 'judge {{count}}:\n{{sketches}}' };
const start = beginRanking(prompts);

function judging(...sketches: string[]): Ranking {
  return { stage: 'judging', prompts, sketches, repairs: 0 };
}

test('sketches are read from an object, a code fence or prose, as texts or as objects, and go to the judge', () => {
  for (const answer of [
    '{"sketches": ["trees", "linear"]}',
    'Here {they} are:\n```json\n{"sketches": [{"idea": "trees"}, {"idea": "linear"}]}\n```\nDone.',
  ]) {
    const step = rank(start, answer);
    expect(step.next).toMatchObject({ stage: 'judging', sketches: ['trees', 'linear'] });
    expect(step.reply).toBe('judge 2:\n1. trees\n\n2. linear');
  }
  expect(rank(start, '{"sketches": ["a", "b", "c", "d"]}').next?.sketches).toEqual(['a', 'b', 'c']);
});

test('the choice of the judge becomes the plan, with its reason', () => {
  const step = rank(judging('trees', 'linear'), 'I say {"choice": "2", "reason": "simple"}');
  expect(step).toMatchObject({ next: undefined, isPlan: true });
  expect(step.reply).toMatch(/^Sketch 2 was chosen \(simple\)\.[\s\S]*linear/);
});

test('an answer that cannot be read is asked for twice more; then the first sketch is taken', () => {
  let ranking: Ranking | undefined = judging('trees', 'linear');
  for (const answer of ['the second', '{"choice": 7}']) {
    const step = rank(ranking as Ranking, answer);
    expect(step.reply).toContain('N from 1 to 2');
    ranking = step.next;
  }
  const last = rank(ranking as Ranking, '{"choice": 0}');
  expect(last.next).toBeUndefined();
  expect(last.reply).toMatch(/^No choice could be read, so the first sketch is taken\.[\s\S]*trees/);
});

test('without any sketch the work begins as if none had been asked for, and a single one needs no judge', () => {
  const one = rank(start, '{"sketches": ["trees"]}');
  expect(one).toMatchObject({ next: undefined, isPlan: true });
  let ranking: Ranking | undefined = start;
  for (let count = 0; count < 2; count += 1) ranking = rank(ranking as Ranking, 'no').next;
  expect(rank(ranking as Ranking, 'no')).toMatchObject({ next: undefined, isPlan: false });
});

test('whatever a model answers, the ranking ends', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 6, maxLength: 6 }), (answers) => {
      let ranking: Ranking | undefined = start;
      for (const answer of answers) if (ranking !== undefined) ranking = rank(ranking, answer).next;
      expect(ranking).toBeUndefined();
    }),
  );
});
