// Scores by a task's own grader: the rows of one split, as two files, to a container, and a number or a word back.
//
// A split is a call of its own, so that no grader sees validation rows before the seal. Search rows are graded when a
// submission comes; validation and official test rows at the seal, for the finalists alone.

import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { SandboxError } from '../../shared/sandbox/sandbox-error.ts';
import { csvText } from '../core/csv-text.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import type { Score, ScoreFailure } from '../core/metrics/score.ts';
import { type Grader, type GraderFailure, type GraderScore, graderSentences } from '../grader/grader.ts';
import type { SplitName } from './hidden-labels.ts';
import type { Predictions } from './runs.ts';
import { type LoadedTask, predictionsFor, truthOf } from './scoring.ts';

/** Why there is no score. A fault says nothing about the submission: the same call may succeed another time. */
type GradingFailure = ScoreFailure & { readonly isFault: boolean };

/** The host was too busy, or had too little memory: no property of a submission that could be told from that. */
const faults: readonly GraderFailure[] = ['timeout', 'outOfMemory'];

/** Tries of one split at a seal, which has nobody to ask again for it. */
const sealTries = 3;

/** As `gradeSplit`, with a few more tries where the grader itself failed. */
export async function gradePatiently(...call: Parameters<typeof gradeSplit>): ReturnType<typeof gradeSplit> {
  let graded = await gradeSplit(...call);
  for (let tries = 1; tries < sealTries && !graded.ok && graded.error.isFault; tries += 1)
    graded = await gradeSplit(...call);
  return graded;
}

/** What a task's own grader says of a split; the failure is one of a fixed list of sentences. */
export async function gradeSplit(
  grader: Grader,
  loaded: LoadedTask,
  split: SplitName,
  { values, texts = [] }: Predictions,
): Promise<Result<GraderScore, GradingFailure>> {
  const { description, version } = loaded.task;
  const { functionName } = description.grader ?? { functionName: 'grade' };
  const { truth, texts: answerTexts = [] } = truthOf(loaded, split);
  const targets = description.targetColumns ?? [description.targetColumn];
  const call = {
    program: loaded.graderProgram ?? '',
    functionName,
    answers: fileOf(loaded, split, targets, truth, answerTexts),
    submission: fileOf(loaded, split, description.predictionColumns, predictionsFor(loaded, split, values), texts),
    // The same for all submissions, so that their replicates are of the same rows.
    seed: createHash('sha256').update(`${version}:${split}`).digest().readUInt32BE(),
  };
  const graded = await grader.grade(call).catch(unavailable);
  if (graded.ok) return ok(graded.value);
  const isFault = faults.includes(graded.error);
  return err({ kind: 'undefined', message: graderSentences[graded.error], isFault });
}

/** A fault of the engine says nothing about the submission: the caller is to ask again. */
function unavailable(error: unknown): never {
  if (!(error instanceof SandboxError)) throw error;
  throw new EvaluatorFault('unavailable', 'graderUnavailable', `the grader cannot be run: ${error.message}`);
}

/** As a metric's score; an unknown standard error is 0. */
export function scoreOf({ value, standardError = 0 }: GraderScore): Score {
  return { value, standardError };
}

/** The rows of a split as CSV, under their opaque ids. */
function fileOf(
  loaded: LoadedTask,
  split: SplitName,
  columns: readonly string[],
  codes: Float64Array,
  texts: readonly string[],
): Uint8Array {
  const lines = [[loaded.shape.idColumn, ...columns]];
  loaded.rowsOf[split].forEach((row, index) => {
    const fields = columns.map((_, column) => texts[codes[index * columns.length + column] ?? 0] ?? '');
    lines.push([loaded.ids.idAt(row), ...fields]);
  });
  return Buffer.from(csvText(lines));
}
