// `task init --grader FILE`: the grader of a new task, copied into its folder, named where it lies there already, or written
// as one to be changed, in MLE-bench's signature.

import { readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { graderReference } from '../grader/grade-files.ts';
import type { Problem } from './problem.ts';

export interface NewGrader {
  /** Relative to the task's folder. */
  readonly file: string;
  readonly functionName: string;
  /** What is to be written there; absent where it lies there already. */
  readonly content?: Buffer;
  /** True where nobody wrote it before us. */
  readonly isScaffold: boolean;
}

/** What `FILE` or `FILE:FUNCTION` means for that folder, or why it can mean nothing. */
export async function newGrader(
  reference: string,
  directory: string,
  targets: readonly string[],
  lowerIsBetter: boolean,
): Promise<NewGrader | Problem> {
  const { path, functionName } = graderReference(reference);
  const given = (await isFile(path)) ? path : join(directory, path);
  const inside = relative(resolve(directory), resolve(given));
  const isInside = inside !== '' && !inside.startsWith('..') && !inside.startsWith(sep);
  const there = { functionName, isScaffold: false };
  if (await isFile(given)) {
    if (isInside) return { ...there, file: inside };
    const file = basename(path);
    if (!(await isFile(join(directory, file)))) return { ...there, file, content: await readFile(path) };
    const message = `the task's folder has a ${file} of its own, so ${path} was not copied over it`;
    return { file, message, remedy: 'Remove one of them, or rename the one that is meant' };
  }
  if (path === basename(path) && path.endsWith('.py')) {
    const content = Buffer.from(scaffold(functionName, targets, lowerIsBetter));
    return { file: path, functionName, content, isScaffold: true };
  }
  const remedy = 'Check the path, or give a name such as grade.py for a new one';
  return { file: path, message: 'there is no such file', remedy };
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A grader that works, for its author to change. */
function scaffold(functionName: string, targets: readonly string[], lowerIsBetter: boolean): string {
  const names = `[${targets.map((name) => JSON.stringify(name)).join(', ')}]`;
  const score = lowerIsBetter
    ? [
        'told = told.apply(pd.to_numeric)  # raises where it is no number',
        'return float((told - right).abs().mean().mean())',
      ]
    : ['return float((told.astype(str) == right.astype(str)).mean().mean())'];
  return `"""The grader of this task, in MLE-bench's signature. ${lowerIsBetter ? 'Lower' : 'Higher'} is better.

It runs on the evaluator alone, in a container without network; agents never see it. Change it to what the task is about, and
try it with \`doubleblind task validate\`.
"""

import pandas as pd
from mlebench.grade_helpers import InvalidSubmissionError

TARGETS = ${names}


def ${functionName}(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """${lowerIsBetter ? 'The mean absolute error' : 'The share of right answers'}; raises for an invalid submission."""
    key = answers.columns[0]
    missing = [name for name in [key, *TARGETS] if name not in submission.columns]
    if missing:
        raise InvalidSubmissionError(f"columns are missing: {missing}")
    both = answers.merge(submission, on=key, suffixes=("", " told"), validate="one_to_one")
    if len(both) != len(answers):
        raise InvalidSubmissionError("the ids are not those of the answers")
    right = both[TARGETS]
    told = both[[f"{name} told" for name in TARGETS]].set_axis(TARGETS, axis=1)
    ${score.join('\n    ')}
`;
}
