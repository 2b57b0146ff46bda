// A task folder with a grader of its own, in MLE-bench's signature: the mean error of two columns, refusing what is no number.

import type { Folder } from './evaluator-rig.ts';

const gradedRows = Array.from({ length: 200 }, (_, row) => row + 1);
const official = [901, 902];

/** The answer of a row, which its feature `a` tells. */
export function gradedTruth(a: number): number {
  return (a % 9) ** 2;
}

const grade = `
from mlebench.grade_helpers import InvalidSubmissionError

def grade(submission, answers):
    both = answers.merge(submission, on="id", suffixes=("", "_told"), validate="one_to_one")
    if len(both) != len(answers):
        raise InvalidSubmissionError(f"rows are missing: {answers.to_csv()}")
    if both.low.dtype.kind not in "if":
        raise InvalidSubmissionError(f"not a number where {both.y.tolist()} is wanted")
    return float(((both.low + both.high) / 2 - both.y).abs().mean())
`;

export const gradedFolder: Folder = {
  'task.yaml':
    'name: graded\ngrader: { file: grade.py, better: lower }\ntarget: y\ntest_answers: private/answers.csv\n',
  'grade.py': grade,
  'train.csv': `id,a,y\n${gradedRows.map((row) => `${row},${row},${gradedTruth(row)}\n`).join('')}`,
  'test.csv': `id,a\n${official.map((row) => `${row},${row}\n`).join('')}`,
  'sample_submission.csv': `id,low,high\n${official.map((row) => `${row},1,2\n`).join('')}`,
  'private/answers.csv': `id,y\n${official.map((row) => `${row},${gradedTruth(row)}\n`).join('')}`,
  'description.md': '# Graded\n',
};
