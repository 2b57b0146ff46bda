import { expect, test } from 'vitest';
import { planOf } from './offline-policy.ts';

test('the bench takes a number of seeds, or seeds and tasks by name', () => {
  expect(planOf([])).toEqual({ seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], tasks: ['digits', 'birdstrikes', 'diamonds'] });
  expect(planOf(['2']).seeds).toEqual([1, 2]);
  expect(planOf(['--seeds', '3-5,9,4', '--tasks', 'diamonds,digits'])).toEqual({
    seeds: [3, 4, 5, 9],
    tasks: ['digits', 'diamonds'],
  });
  for (const words of [['x'], ['0'], ['--seeds', '2-'], ['--tasks', 'iris'], ['1', '2']]) {
    expect(() => planOf(words), words.join(' ')).toThrow('usage: offline-policy');
  }
});
