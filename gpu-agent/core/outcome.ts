// What an attempt's end is called, and what is said of it.

import { keepEnd, keepStart, utf8Bytes } from './bounded-text.ts';
import type { ToolRequest } from './tool-catalogue.ts';
import type { Executed, Failure } from './trajectory-event.ts';

/** Blueprint §4: a note has at most 2 KB. */
export const maxNoteBytes = 2048;
/** A failure's message carries the end of the log, and no more than fits an event. */
export const maxFailureMessageBytes = 2048;

/** The failure of a clean-slate run, or null where it produced a submission file. */
export function failureOf(executed: Executed): Failure | null {
  switch (executed.end) {
    case 'completed':
      if (executed.submissionDigest !== undefined) return null;
      return failure(
        'noSubmission',
        executed.submissionProblem ?? 'main.py ended well but wrote no /out/submission.csv.',
        executed.logTail,
      );
    case 'crash':
      return failure('crash', `main.py ended with status ${executed.exitStatus ?? 'unknown'}.`, executed.logTail);
    case 'timeout':
      return failure(
        'timeout',
        `main.py was stopped after ${executed.wallSeconds.toFixed(1)} s, the limit of the clean-slate run.`,
        executed.logTail,
      );
    case 'outOfMemory':
      return failure('outOfMemory', 'main.py used more memory than the sandbox has.', executed.logTail);
    case 'diskFull':
      return failure('diskFull', 'main.py filled the writable space of the sandbox.', executed.logTail);
  }
}

function failure(reason: Failure['reason'], sentence: string, logTail: string): Failure {
  return boundedFailure({ reason, message: logTail.trim() === '' ? sentence : `${sentence}\n${logTail.trimEnd()}` });
}

/** The failure with its message cut in the middle: the sentence at the front and the end of the log stay. */
export function boundedFailure(given: Failure): Failure {
  if (utf8Bytes(given.message) <= maxFailureMessageBytes) return given;
  const [sentence = '', ...rest] = given.message.split('\n');
  const head = keepStart(sentence, 512);
  const tail = keepEnd(rest.join('\n'), maxFailureMessageBytes - utf8Bytes(head) - 1);
  return { reason: given.reason, message: rest.length === 0 ? head : `${head}\n${tail}` };
}

/** The note for the ideas ledger. */
export function noteOf(submit: Extract<ToolRequest, { tool: 'submit' }>): string {
  const lines = [`Idea: ${submit.idea.trim()}`, `Changes: ${submit.changes.trim()}`];
  if (submit.expectation !== undefined) lines.push(`Expectation: ${submit.expectation.trim()}`);
  const share = Math.floor(maxNoteBytes / lines.length) - 1;
  const text = lines.join('\n');
  return utf8Bytes(text) <= maxNoteBytes ? text : lines.map((line) => keepStart(line, share)).join('\n');
}
