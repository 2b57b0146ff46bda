// `score --grader`: a grader run over two files, as the evaluator would.

import { readFile } from 'node:fs/promises';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { type Grader, graderSentences } from './grader.ts';

/** `grade.py`, or `grade.py:function`. */
export interface GraderReference {
  readonly path: string;
  readonly functionName: string;
}

interface GradedFiles {
  readonly grader: string;
  readonly score: number;
  /** Null where the grader takes no rows drawn with replacement. */
  readonly standardError: number | null;
}

/** Reads a reference as the command line has it. */
export function graderReference(text: string): GraderReference {
  const [, path = text, functionName = 'grade'] = /^(.*):([A-Za-z_][A-Za-z0-9_]*)$/.exec(text) ?? [];
  return { path, functionName };
}

/** Scores the submission; the failure is one sentence. Throws where a file cannot be read or the engine fails. */
export async function gradeFiles(
  grader: Grader,
  reference: GraderReference,
  answersPath: string,
  submissionPath: string,
): Promise<Result<GradedFiles, string>> {
  const [program, answers, submission] = await Promise.all(
    [reference.path, answersPath, submissionPath].map((path) => readFile(path)),
  );
  const graded = await grader.grade({
    program: program?.toString('utf8') ?? '',
    functionName: reference.functionName,
    answers: answers ?? Buffer.alloc(0),
    submission: submission ?? Buffer.alloc(0),
    seed: 1,
  });
  if (!graded.ok) return err(graderSentences[graded.error]);
  const { value, standardError } = graded.value;
  return ok({ grader: reference.path, score: value, standardError: standardError ?? null });
}
