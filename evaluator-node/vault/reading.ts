// One submission from its first byte to its scores. Runs in a scoring thread; depends on the file and the labels alone.

import { createHash } from 'node:crypto';
import type { Result } from '../../shared/core/result.ts';
import type { Score, ScoreFailure } from '../core/metrics/score.ts';
import { type Refusal, refusal } from '../core/refusal.ts';
import { createSubmissionParser, submissionLimit } from '../submission/parser.ts';
import type { Predictions, SplitScores } from './runs.ts';
import { type LoadedTask, ladderStart, predictionDigest, scoreSearch } from './scoring.ts';

/** What came of a submission. */
export type Reading =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'read';
      readonly predictions: Predictions;
      readonly predictionDigest: string;
      /** Absent where the task has its own grader, which is asked by the daemon. */
      readonly scores?: Result<SplitScores, ScoreFailure>;
      /** The most that one label moves the search score. */
      readonly labelWorth: number;
      /** Where the task's feedback is a ladder: the score that it starts from. */
      readonly ladderStart?: Score;
    };

/** What the header announced. */
export interface Announced {
  readonly bytes: number;
  readonly digest: string;
}

/** Takes the chunks in order; `finish` says what they are. */
export function createReading(
  loaded: LoadedTask,
  announced: Announced,
): { push(chunk: Uint8Array): void; finish(): Reading } {
  const limit = submissionLimit(loaded.shape, loaded.ids.size);
  const parser = createSubmissionParser(loaded.shape, loaded.ids);
  const hash = createHash('sha256');
  let bytes = 0;
  const refused = (told: Refusal): Reading => ({ kind: 'refused', refusal: told });
  return {
    push(chunk) {
      bytes += chunk.length;
      if (bytes > announced.bytes || bytes > limit) return;
      hash.update(chunk);
      parser.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    },
    finish() {
      if (announced.bytes > limit) {
        const message = `the file has ${announced.bytes} bytes; ${limit} is the most that this task can need`;
        return refused(refusal('tooLarge', message));
      }
      if (bytes !== announced.bytes || hash.digest('hex') !== announced.digest) {
        return refused(refusal('digestMismatch', 'the bytes received are not those announced; send the file again'));
      }
      const parsed = parser.finish();
      if (!parsed.ok) return refused(parsed.error);
      const predictions =
        loaded.shape.kind === 'text' ? { values: parsed.value, texts: parser.texts() } : { values: parsed.value };
      const read = {
        predictions,
        predictionDigest: predictionDigest(predictions),
        labelWorth: loaded.labelWorth(parsed.value),
      };
      if (loaded.task.description.grader !== undefined) return { kind: 'read', ...read };
      // Scored even where the predictions are known: an answer then takes as long as the first one did.
      const scores = scoreSearch(loaded, predictions);
      const start = loaded.task.description.feedback === 'ladder' ? ladderStart(loaded) : undefined;
      return { kind: 'read', ...read, scores, ...(start === undefined ? {} : { ladderStart: start }) };
    },
  };
}
