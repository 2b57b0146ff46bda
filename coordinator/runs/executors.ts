// How commands are carried out; launcher.ts says when. Each ends by reporting what came of it.

import { newLimiter } from '../../shared/limiter.ts';
import { cancelAttempt, closeAccount } from './executors/cancel-attempt.ts';
import { evaluate } from './executors/evaluate.ts';
import type { ExecutorOptions } from './executors/persist.ts';
import { sealRun } from './executors/seal-run.ts';
import { startAttempt } from './executors/start-attempt.ts';
import { submitRefit } from './executors/submit-refit.ts';
import type { Executors } from './launcher.ts';

/**
 * Submissions that are streamed at once; the evaluator scores on as many cores as it has. Each waits a dozen times for a disk or a peer,
 * so that 8 at once gave 90 a second on a busy machine, less than a fleet of 8,000 slots sends.
 */
const evaluationsAtOnce = 32;
/** Starts in flight at once, over all hosts: a full fleet is filled in waves instead of in one burst of 8,000 calls. */
const startsAtOnce = 128;

/** The executors of all commands. */
export function newExecutors(options: ExecutorOptions): Executors {
  const starts = newLimiter(startsAtOnce);
  const evaluations = newLimiter(evaluationsAtOnce);
  return {
    startAttempt: (command, signal) => startAttempt(options, starts, command, signal),
    cancelAttempt: (command, signal) => cancelAttempt(options, command, signal),
    closeAccount: (command, signal) => closeAccount(options, command, signal),
    tellGuidance: async ({ host }) => await Promise.resolve(options.fleet.tellGuidance(host)),
    evaluate: (command, signal) => evaluate(options, evaluations, command, signal),
    submitRefit: (command, signal) => submitRefit(options, command, signal),
    sealRun: (command, signal) => sealRun(options, command, signal),
  };
}
