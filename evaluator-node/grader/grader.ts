// The port through which a task's own grader scores a submission. Implementations: Docker (docker-grader.ts) and a fake.
//
// Contract, proven for both by grader.contract.test.ts:
// 1. A call ends with a score or with one of a fixed list of failures; no text of the grader, of the submission or of the
//    answers is in either.
// 2. Equal inputs and seed give an equal outcome, where the grader itself is deterministic.
// 3. A call leaves nothing behind.

import type { Result } from '../../shared/core/result.ts';

/** One call. */
export interface GraderCall {
  /** The text of grade.py. */
  readonly program: string;
  /** The function in it that takes two DataFrames, submission and answers, and gives a number. */
  readonly functionName: string;
  /** CSV with a header; the id in the first column. */
  readonly answers: Uint8Array;
  readonly submission: Uint8Array;
  /** Fixes the draws of the bootstrap. */
  readonly seed: number;
}

export interface GraderScore {
  readonly value: number;
  /** Of a bootstrap over rows in the same call; absent where the grader does not take rows drawn with replacement. */
  readonly standardError?: number;
  /** The scores of that bootstrap by replicate; equal seeds draw the same rows, so those of two submissions are paired. */
  readonly replicates?: readonly (number | null)[];
}

/** Why there is no score. */
export type GraderFailure = 'invalidSubmission' | 'noNumber' | 'crashed' | 'timeout' | 'outOfMemory' | 'unreadable';

export const graderFailures: readonly GraderFailure[] = [
  'invalidSubmission',
  'noNumber',
  'crashed',
  'timeout',
  'outOfMemory',
  'unreadable',
];

/** Each failure as a sentence; these are all the words that a caller can get. */
export const graderSentences: Readonly<Record<GraderFailure, string>> = {
  invalidSubmission: 'the grader refused the submission',
  noNumber: 'the grader gave no finite number',
  crashed: 'the grader ended without an answer',
  timeout: 'the grader did not end in time',
  outOfMemory: 'the grader ran out of memory',
  unreadable: 'grade.py cannot be loaded, or has no such function',
};

/** Throws SandboxError where the engine fails, which says nothing about the submission. */
export interface Grader {
  grade(call: GraderCall): Promise<Result<GraderScore, GraderFailure>>;
  /** Throws SandboxError where no call could succeed; the message names the next step. */
  check(): Promise<void>;
  /** Removes what calls of a killed process left behind; how many containers. To be called before the first call. */
  sweep(): Promise<number>;
}
