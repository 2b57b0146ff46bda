// The last execution of a sealed run: its winner, or each member of the ensemble that beat it, on all labelled data. The labels leave here only for a run that is sealed,
// so that nothing more can be scored with them in it, and only where task.yaml says `refit: true`; the ledger has it.
//
// Invariants:
// 1. A bundle with labels leaves after its record is in the ledger.
// 2. The first submission of a candidate that is accepted stays; an equal one gets the same answer, another one is refused.
//    A final submission is of refitted programs alone, or of none.
// 3. The verdict does not change: what it says is of the winner as it was chosen.

import { createHash } from 'node:crypto';
import { isDigest } from '../../shared/core/ids.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import { type Refusal, refusal } from '../core/refusal.ts';
import { handedIn, type RefitSubmission, type Verdict } from '../core/verdict.ts';
import { createIdTable } from '../submission/id-table.ts';
import { createSubmissionParser, submissionLimit } from '../submission/parser.ts';
import type { EvaluationParts } from './evaluation.ts';
import { refitDigest, storeRefit } from './refits.ts';
import type { Predictions } from './runs.ts';
import type { LoadedTask } from './scoring.ts';
import { tell, verdictOf } from './sealing.ts';

interface Refittable {
  readonly loaded: LoadedTask;
  readonly verdict: Verdict;
}

/** A sealed run that is to be refitted; throws where it must not be. */
function refittable({ vault, load }: EvaluationParts, runId: string): Refittable {
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
  if (!verdict.hasFinalSubmission) refuse('noRefit', 'there is no winner with official test rows to refit');
  return { loaded: load(task), verdict };
}

/** The bundle with all labels, as a tar. */
export async function refitBundle(parts: EvaluationParts, runId: string, caller: string): Promise<Buffer> {
  const { version } = refittable(parts, runId).loaded.task;
  const tar = await parts.judge.refitBundle(version);
  tell(parts, runId, 'refitBundleSent', caller, { version, digest: sha256(tar) });
  return tar;
}

/** Takes the submission of a last execution: the refusal, or nothing where it was taken. */
export async function submitRefit(
  parts: EvaluationParts,
  { runId, candidateId, digest, bytes, caller }: RefitSubmission,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Refusal | undefined> {
  const { loaded, verdict } = refittable(parts, runId);
  const member = memberOf(verdict, candidateId);
  if (!isDigest(digest)) throw new EvaluatorFault('invalidArgument', 'badHeader', 'submission_digest is not a SHA-256');
  const read = await readOfficial(loaded, { digest, bytes }, chunks);
  return parts.vault.database.transaction(() => {
    const { database } = parts.vault;
    const earlier = refitDigest(database, runId, member);
    if (earlier !== undefined && earlier !== digest) {
      throw new EvaluatorFault(
        'failedPrecondition',
        'refitConflict',
        'another submission was accepted for this candidate',
      );
    }
    const refused = 'kind' in read ? read : undefined;
    const told = {
      candidateId: member,
      digest,
      ...(refused === undefined ? {} : { refusal: refused.kind, line: refused.line }),
    };
    if (!('kind' in read)) storeRefit(database, runId, member, digest, read);
    tell(parts, runId, 'refitSubmitted', caller, told);
    return refused;
  });
}

/** The candidate that is meant. */
function memberOf(verdict: Verdict, candidateId: string): string {
  const members = handedIn(verdict);
  const [first] = members;
  if (candidateId === '' && members.length === 1 && first !== undefined) return first.candidateId;
  if (members.some((member) => member.candidateId === candidateId)) return candidateId;
  const message = `candidate_id must name one whose predictions are handed in: ${members.map((member) => member.candidateId).join(', ')}`;
  throw new EvaluatorFault('invalidArgument', 'badHeader', message);
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
