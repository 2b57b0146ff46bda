import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffLines, unifiedDiff } from './diff.ts';

test('a unified diff names the files and shows three lines around each change', () => {
  const old = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n';
  const now = 'one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine\nten\n';
  expect(unifiedDiff('a/x', 'b/x', old, now)).toBe(
    '--- a/x\n+++ b/x\n@@ -2,8 +2,9 @@\n two\n three\n four\n-five\n+FIVE\n six\n seven\n eight\n nine\n+ten\n',
  );
  expect(unifiedDiff('a', 'b', old, old)).toBe('');
  expect(unifiedDiff('/dev/null', 'b', '', 'x\n')).toBe('--- /dev/null\n+++ b\n@@ -1,0 +1,1 @@\n+x\n');
});

test('whatever the texts, the diff leads from the one to the other', () => {
  const line = fc.constantFrom('a', 'b', 'c', '', 'def f():');
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 25 }),
      fc.array(line, { maxLength: 25 }),
      fc.boolean(),
      (left, right, bounded) => {
        const lines = diffLines(left, right, bounded ? 3 : undefined);
        expect(lines.filter((one) => one.kind !== 'added').map((one) => one.text)).toEqual(left);
        expect(lines.filter((one) => one.kind !== 'removed').map((one) => one.text)).toEqual(right);
      },
    ),
  );
});

test('a diff is a shortest one', () => {
  const changes = diffLines([...'ABCABBA'], [...'CBABAC']).filter((line) => line.kind !== 'same');
  expect(changes.length).toBe(5);
});
