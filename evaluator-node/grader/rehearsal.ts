// A grader run for its author, who has the answers: what it raised comes back as well. No part of the service, where a
// grader's words go nowhere (grader.ts, contract 1).

import type { Result } from '../../shared/core/result.ts';
import type { GraderCall, GraderFailure, GraderScore } from './grader.ts';

export interface Rehearsed {
  readonly outcome: Result<GraderScore, GraderFailure>;
  /** The end of the traceback, from the grader's own file on; empty where nothing was raised. */
  readonly words: string;
}

/** Throws SandboxError where the engine fails. */
export type Rehearsal = (call: GraderCall) => Promise<Rehearsed>;
