// What programs leave, by attempt and epoch: another epoch's is another one. Submissions are real files of the simulated task;
// of the rest a name is enough.

import type { Digest } from '../../shared/core/ids.ts';
import { nextFloat, seedRng } from '../../shared/core/rng.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { officialIds, rowIds } from './evaluator-task.ts';

/** One in so many submissions lacks a row. */
const brokenEvery = 16;

export interface Product {
  readonly digest: Digest;
  /** Of a submission; nobody reads the others. */
  readonly bytes?: Buffer;
}

export function productOf(kind: string, attemptId: string, epoch: number): Product {
  return { digest: sha256(`${kind} of ${attemptId} in epoch ${epoch}`) };
}

/** What the attempt hands in (`submission`), or has a look at under a name of its own; a `refit` predicts the official test rows alone. */
export function submissionOf(name: string, attemptId: string, epoch: number): Product {
  const rng = seedRng(`${name} of ${attemptId} in epoch ${epoch}`);
  const rows = (name === 'refit' ? officialIds : rowIds).map((id) => `${id},${nextFloat(rng)}\n`);
  const bytes = Buffer.from(`id,value\n${(isBroken(name, attemptId, epoch) ? rows.slice(1) : rows).join('')}`);
  return { digest: sha256(bytes), bytes };
}

/** Whether the evaluator has to refuse it. */
export function isBroken(name: string, attemptId: string, epoch: number): boolean {
  return nextFloat(seedRng(`fate of ${name} of ${attemptId} in epoch ${epoch}`)) < 1 / brokenEvery;
}
