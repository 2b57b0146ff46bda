import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from './shell-word.ts';

test('what is shown reads as the same word in a shell, and plain paths stay as they are', () => {
  expect(shellWord('~/tasks/birds-2.1')).toBe('~/tasks/birds-2.1');
  for (const text of ['bad/with space', "it's", '$HOME `id`', '', 'a"b', '*', 'ä;b'])
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' })).toBe(text);
});
