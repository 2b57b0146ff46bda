import { expect, test } from 'vitest';
import { editDistance } from '../../shared/core/edit-distance.ts';
import { nearest } from './suggestion.ts';
import { harmless, indent, oneLine, shorten, wrap } from './text.ts';

test('nothing that a terminal would obey gets through', () => {
  expect(harmless('a\u001b[31mred\u001b[0m\u001b]0;title\u0007b\u001b]8;;http://x\u001b\\c\rd\u0008e\u202ef')).toBe(
    'aredbcdef',
  );
  expect(harmless('keeps\tits\nlines\r\n')).toBe('keeps\tits\nlines\n');
  expect(oneLine('  a \n\n b\tc ')).toBe('a b c');
});

test('long text is cut by characters, not in the middle of one', () => {
  expect(shorten('héllo😀world', 7)).toBe('héllo😀…');
  expect(shorten('short', 7)).toBe('short');
  expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four']);
  expect(indent('a\n\nb', '  ')).toBe('  a\n\n  b');
});

test('a slip of the finger finds the word that was meant', () => {
  const verbs = ['quickstart', 'results', 'report', 'resume', 'run', 'tree'];
  expect(nearest('reslts', verbs)).toBe('results');
  expect(nearest('quick', verbs)).toBe('quickstart');
  expect(nearest('tere', verbs)).toBe('tree');
  expect(nearest('elephant', verbs)).toBeUndefined();
  expect(editDistance('ab', 'ba')).toBe(1);
});
