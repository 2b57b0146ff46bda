// The detectors read what a candidate's program left, on the coordinator's only thread: whatever it is, they are soon done.

import { expect, test } from 'vitest';
import { longestProgram } from './program-text.ts';
import { suspicionsOf } from './suspicion.ts';

/** What backtracking is slow on, if anything is. */
const pieces = [
  ...['\n', ' ', '\t', ';', '#', '\\', '"', "'", '"""', '(', '[1,', '0', '.', '-', '/', '{}', 'é'],
  ...['submission', 'submission-', 'import\n', 'import ', 'from a ', 'from\n', 'os ', 'os.', 'exec ', 'compile\n'],
  ...[
    'cv ',
    'cv 1',
    'valid',
    'cross-val',
    'cat -a ',
    'find ',
    'find -',
    'lgb .',
    '/proc/',
    '/answers_',
    'ground_truth_',
  ],
  ...["'a' + ", "'a'\n", '"""a"""\n', 'requests ', 'print ', 'def a ', '\\x4', '1,2;', 'chr\n', '__import__ ', 'sys .'],
] as const;

test('no text is slow to look at, however often a piece of it is repeated', { timeout: 30_000 }, async () => {
  for (const piece of pieces) {
    // Where one takes too long the clock of this test is to be read.
    await new Promise((resolve) => setImmediate(resolve));
    const text = piece.repeat(Math.floor((longestProgram - 300) / piece.length / 2));
    const program = `import subprocess, sys\n${text}`;
    const quoted = `x = '${text.replaceAll(/['\n\\]/g, 'q')}'`;
    const files = [
      { path: 'main.py', text: program, bytes: program.length },
      { path: 'more.py', text: quoted, bytes: quoted.length },
      { path: 'notes.txt', text: `${text}${text}`, bytes: 2 * text.length },
    ];
    const ids = Array.from({ length: 200 }, (_, index) => `row-${index}`);
    const found = suspicionsOf({
      files,
      ids,
      predictions: ids.map((_, index) => String(index)),
      log: text,
      metric: 'accuracy',
      lowerIsBetter: false,
      score: { value: 0.5, standardError: 0.1 },
      peers: { count: 3, best: 0.4 },
    });
    expect(Array.isArray(found), piece).toBe(true);
  }
});
