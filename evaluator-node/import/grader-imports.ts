// What a grader may import of MLE-bench: the two names that the container stands in for (grader/harness.py). A grader that
// needs more would fail at every call with a sentence that says little, so it is told at import.

import type { Problem } from './problem.ts';

const standIns: Readonly<Record<string, readonly string[]>> = {
  'mlebench.grade_helpers': ['InvalidSubmissionError'],
  'mlebench.utils': ['get_logger'],
};

/** What a grader's text imports of MLE-bench and will not find. */
export function graderImportProblems(file: string, program: string): Problem[] {
  const problems: Problem[] = [];
  program.split('\n').forEach((line, index) => {
    const from = /^\s*from\s+(mlebench[\w.]*)\s+import\s+\(?([\w\s,]*)/.exec(line);
    const whole = /^\s*import\s+(mlebench[\w.]*)/.exec(line);
    const module = from?.[1] ?? whole?.[1];
    if (module === undefined) return;
    const names = (from?.[2] ?? '').split(',').map((name) => name.trim().split(/\s/)[0] ?? '');
    const missing = names.filter((name) => name !== '' && standIns[module]?.includes(name) !== true);
    if (from !== null && missing.length === 0) return;
    const what = from === null ? `imports ${module}` : `imports ${missing.join(', ')} of ${module}`;
    problems.push({
      file,
      line: index + 1,
      message: `the grader ${what}, which its container does not have`,
      remedy: `Copy what it needs of ${module} into ${file}; of MLE-bench there are only InvalidSubmissionError (mlebench.grade_helpers) and get_logger (mlebench.utils)`,
    });
  });
  return problems;
}
