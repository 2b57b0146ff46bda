// A grader whose scores a test sets, by the text of the submission.

import { err, ok, type Result } from '../../shared/core/result.ts';
import type { Grader, GraderCall, GraderFailure, GraderScore } from './grader.ts';

/** Answers by `script`, a failure by its name. */
export function createFakeGrader(script: (call: GraderCall) => GraderScore | GraderFailure): Grader {
  return {
    grade: async (call): Promise<Result<GraderScore, GraderFailure>> => {
      const outcome = script(call);
      return typeof outcome === 'string' ? err(outcome) : ok(outcome);
    },
    check: () => Promise.resolve(),
    sweep: () => Promise.resolve(0),
  };
}
