// What the harness in the container says, read without trust: a line of JSON of one of two shapes, or no answer.

import { err, ok, type Result } from '../../shared/core/result.ts';
import { type GraderFailure, type GraderScore, graderFailures } from './grader.ts';

/** Fewer replicates tell too little of a spread. */
const fewestReplicates = 20;
/** More than any call asks for. */
const mostReplicates = 1000;

/** The outcome in the bytes, where there is one. */
export function readHarnessAnswer(bytes: Buffer): Result<GraderScore, GraderFailure> {
  const answer = parsed(bytes);
  if (answer === undefined) return err('crashed');
  const { failure, value, replicates } = answer;
  const known = graderFailures.find((each) => each === failure);
  if (known !== undefined) return err(known);
  if (typeof value !== 'number' || !Number.isFinite(value)) return err('noNumber');
  const scores = replicateScores(replicates);
  return ok(scores === undefined ? { value } : { value, standardError: spreadOf(scores), replicates: scores });
}

/** Whether the bytes are one, of whatever outcome. */
export function isHarnessAnswer(bytes: Buffer): boolean {
  return parsed(bytes) !== undefined;
}

/** Most characters of what a grader raised. */
const mostWords = 4000;

/** What the grader raised in a rehearsal, fit for a terminal; empty where it raised nothing. */
export function readHarnessWords(bytes: Buffer): string {
  const words = parsed(bytes)?.['words'];
  if (typeof words !== 'string') return '';
  return words
    .slice(-mostWords)
    .replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
    .trim();
}

function parsed(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return;
  }
}

/** The score of each replicate, null where it has none; undefined where too few have one. */
function replicateScores(replicates: unknown): (number | null)[] | undefined {
  if (!Array.isArray(replicates) || replicates.length > mostReplicates) return;
  const scores = replicates.map((value) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
  return scores.filter((score) => score !== null).length < fewestReplicates ? undefined : scores;
}

function spreadOf(scores: readonly (number | null)[]): number {
  const values = scores.filter((score) => score !== null);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
