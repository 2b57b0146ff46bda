// The last execution of a sealed run: its winner on all labelled data. The labels leave here only for a run that is sealed,
// so that nothing more can be scored with them in it, and only where task.yaml says `refit: true`; the ledger has it.
//
// Invariants:
// 1. A bundle with labels leaves after its record is in the ledger.
// 2. The first submission that is accepted stays; an equal one gets the same answer, another one is refused.
// 3. The verdict does not change: what it says is of the winner as it was chosen.

import { createHash } from 'node:crypto';
import { isDigest } from '../../shared/core/ids.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import { type Refusal, refusal } from '../core/refusal.ts';
import type { StoredTask } from '../core/task.ts';
import type { RefitSubmission } from '../core/verdict.ts';
import { createIdTable } from '../submission/id-table.ts';
import { createSubmissionParser, submissionLimit } from '../submission/parser.ts';
import type { EvaluationParts } from './evaluation.ts';
import { refitDigest, storeRefit } from './refits.ts';
import type { Predictions } from './runs.ts';
import type { LoadedTask } from './scoring.ts';
import { tell, verdictOf } from './sealing.ts';
import type { HiddenRows } from './vault.ts';

/** Makes the bundle of the last execution out of the public one and the labels. */
export type BuildRefitBundle = (tar: Buffer, task: StoredTask['description'], hidden: HiddenRows) => Promise<Buffer>;

/** The task of a sealed run that is to be refitted; throws where it must not be. */
function refittable({ vault, load }: EvaluationParts, runId: string): LoadedTask {
  const run = vault.runs.find(runId);
  const task = run && vault.taskOfVersion(run.version);
  if (task === undefined)
    throw new EvaluatorFault('notFound', 'runUnknown', `there is no run ${JSON.stringify(runId)} here`);
  const verdict = verdictOf(vault, runId);
  const refuse = (reason: string, message: string): never => {
    throw new EvaluatorFault('failedPrecondition', reason, message);
  };
  if (!task.description.refit) refuse('noRefit', 'the task does not say refit: true, so its labels stay here');
  if (verdict === undefined)
    return refuse('runNotSealed', 'the run is not sealed yet; its labels stay here until it is');
  if (!verdict.hasFinalSubmission || verdict.ensemble?.selected === true)
    refuse('noRefit', 'there is no single winner with official test rows to refit');
  return load(task);
}

/** The bundle with all labels, as a tar. */
export async function refitBundle(
  parts: EvaluationParts,
  build: BuildRefitBundle,
  runId: string,
  caller: string,
): Promise<Buffer> {
  const { task, hidden } = refittable(parts, runId);
  const chunks: Buffer[] = [];
  for await (const chunk of parts.vault.readBundle(task.bundleDigest, 1024 * 1024)) chunks.push(chunk);
  const tar = await build(Buffer.concat(chunks), task.description, hidden);
  tell(parts, runId, 'refitBundleSent', caller, { version: task.version, digest: sha256(tar) });
  return tar;
}

/** Takes the submission of the last execution: the refusal, or nothing where it is now the run's final one. */
export async function submitRefit(
  parts: EvaluationParts,
  { runId, digest, bytes, caller }: RefitSubmission,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Refusal | undefined> {
  const loaded = refittable(parts, runId);
  if (!isDigest(digest)) throw new EvaluatorFault('invalidArgument', 'badHeader', 'submission_digest is not a SHA-256');
  const read = await readOfficial(loaded, { digest, bytes }, chunks);
  return parts.vault.database.transaction(() => {
    const { database } = parts.vault;
    const earlier = refitDigest(database, runId);
    if (earlier !== undefined && earlier !== digest) {
      throw new EvaluatorFault('failedPrecondition', 'refitConflict', 'another submission was accepted for this run');
    }
    const refused = 'kind' in read ? read : undefined;
    const told = { digest, ...(refused === undefined ? {} : { refusal: refused.kind, line: refused.line }) };
    if (!('kind' in read)) storeRefit(database, runId, digest, read);
    tell(parts, runId, 'refitSubmitted', caller, told);
    return refused;
  });
}

/** The predictions for the official test rows, in the order of `official`. */
async function readOfficial(
  loaded: LoadedTask,
  announced: { readonly digest: string; readonly bytes: number },
  chunks: AsyncIterable<Uint8Array>,
): Promise<Predictions | Refusal> {
  const { shape, hidden } = loaded;
  const ids = createIdTable(hidden.official.map(({ row }) => hidden.ids[row] ?? ''));
  const limit = submissionLimit(shape, ids.size);
  const parser = createSubmissionParser(shape, ids);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limit) return refusal('tooLarge', `the file is larger than ${limit} bytes, the most that it can need`);
    hash.update(chunk);
    parser.push(Buffer.from(chunk));
  }
  if (bytes !== announced.bytes || hash.digest('hex') !== announced.digest)
    return refusal('digestMismatch', 'the bytes received are not those announced; send the file again');
  const parsed = parser.finish();
  if (!parsed.ok) return parsed.error;
  return shape.kind === 'text' ? { values: parsed.value, texts: parser.texts() } : { values: parsed.value };
}
