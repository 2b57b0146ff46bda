// Looks at a scored candidate before it may become a parent: brings its program, its log and its submission to the detectors of
// core/suspicion. Nothing of it is executed.
// Invariants: 1. A solution that is too large or broken to be looked at is held back for that, and its main program is looked at all the
// same. 2. No honest candidate pays for that: the limits are twice what a host takes as a solution. 3. A log or a submission that is not
// stored is no suspicion. A solution that is not, or that has no main program, is: a host takes no candidate without one, so it cannot have
// made these predictions, and nobody could look at what did.

import type { Digest } from '../../shared/core/ids.ts';
import type { Logger } from '../../shared/log.ts';
import { type ArtifactDirectory, ArtifactMissing } from '../../shared/store/artifacts.ts';
import { eachFile, TreeError } from '../../shared/store/tree.ts';
import { best } from '../core/population.ts';
import type { Attempt, Run, Score } from '../core/state.ts';
import type { Evidence, SolutionFile } from '../core/suspicion/evidence.ts';
import { isProgram } from '../core/suspicion/program-text.ts';
import { describeSuspicions, suspicionsOf } from '../core/suspicion/suspicion.ts';

type Store = Pick<ArtifactDirectory, 'size' | 'stream'>;

const mebibyte = 2 ** 20;
const notStored = 'its solution is not in the artifact store';
/** A host takes solutions of 64 MiB and 10,000 entries. */
const mostSolutionBytes = 128 * mebibyte;
const mostFiles = 20_000;
/** With the headers of that many files. */
const mostTarBytes = mostSolutionBytes + mostFiles * 2048;
/** A program of more text than this is not read by people either. */
const mostTextBytes = 2 * mebibyte;
/** Of all texts together; what is no text is only counted. */
const mostTextBytesTogether = 16 * mebibyte;
const mostLogBytes = 4 * mebibyte;
const mostSubmissionBytes = 16 * mebibyte;
/** Rows that are looked at; a solution that knows the answers knows some of these. */
const mostRows = 20_000;

/** The score, held back where a detector has seen something. */
export async function examined(
  score: Score,
  { run, attempt, artifacts, log }: { run: Run; attempt: Attempt; artifacts: Store; log: Logger },
): Promise<Score> {
  if (score.quarantined) return score;
  const suspicions = suspicionsOf(await evidenceOf(score, run, attempt, artifacts));
  if (suspicions.length === 0) return score;
  const quarantineReason = describeSuspicions(suspicions);
  log.warn({ attemptId: attempt.id, quarantineReason }, 'a candidate is held back until a person has looked at it');
  return { ...score, quarantined: true, quarantineReason };
}

async function evidenceOf(score: Score, run: Run, attempt: Attempt, store: Store): Promise<Evidence> {
  const { artifacts } = attempt;
  const text = async (digest: Digest | undefined, most: number): Promise<string> =>
    digest === undefined ? '' : ((await readWhole(store, digest, most))?.toString('utf8') ?? '');
  const rows = (await text(artifacts.submission, mostSubmissionBytes)).split('\n', mostRows).slice(1);
  const cells = rows.map((row) => row.trim().split(',')).filter((row) => row.length > 1);
  return {
    ...(await solutionOf(artifacts.solution, store)),
    log: await text(artifacts.log, mostLogBytes),
    ids: cells.map(([id = '']) => id),
    predictions: cells.map(([, prediction = '']) => prediction),
    metric: run.task.metric,
    lowerIsBetter: run.task.lowerIsBetter,
    score,
    peers: peersOf(run),
  };
}

/** No list of all scores: what a candidate costs must not grow with how many there are. */
function peersOf({ population }: Run): Evidence['peers'] {
  const leader = best(population);
  return { count: population.ranked.length, ...(leader === undefined ? {} : { best: leader.value }) };
}

async function solutionOf(digest: Digest | undefined, store: Store): Promise<Pick<Evidence, 'files' | 'unexamined'>> {
  if (digest === undefined) return { files: [], unexamined: 'it came without its solution' };
  const size = await store.size(digest);
  if (size === undefined) return { files: [], unexamined: notStored };
  const files: SolutionFile[] = [];
  const paths = new Set<string>();
  const reasons = size > mostTarBytes ? [`the solution is a tar of ${size} bytes`] : [];
  const left = { files: mostFiles, bytes: mostSolutionBytes, programs: mostTextBytes, texts: mostTextBytesTogether };
  const source = beginningOf(store, digest, mostTarBytes);
  try {
    // The tar is bounded already, and the main program may stand at its end.
    const limits = { totalBytes: mostTarBytes, entries: mostTarBytes };
    for await (const { path, sizeBytes, read } of eachFile(source.bytes(), limits)) {
      if (paths.has(path)) throw new TreeError(`${path} stands there twice`);
      paths.add(path);
      left.files -= 1;
      left.bytes -= sizeBytes;
      if ((left.files < 0 || left.bytes < 0) && path !== 'main.py') continue;
      const budget = isProgram(path) ? 'programs' : 'texts';
      const bytes = sizeBytes <= mostTextBytes ? await read() : undefined;
      const isText = bytes !== undefined && !bytes.includes(0);
      if (isText) left[budget] -= sizeBytes;
      const isKept = isText && (left[budget] >= 0 || path === 'main.py');
      files.push({ path, bytes: sizeBytes, ...(isKept ? { text: bytes.toString('utf8') } : {}) });
    }
  } catch (error) {
    if (source.failure() instanceof ArtifactMissing) return { files: [], unexamined: notStored };
    // What the store itself could not do says nothing about the solution.
    if (source.failure() !== undefined) throw source.failure();
    if (!(error instanceof TreeError)) throw error;
    if (reasons.length === 0) reasons.push(`the solution cannot be read: ${error.message}`);
  }
  if (reasons.length === 0 && !paths.has('main.py')) reasons.push('the solution has no main.py');
  if (left.files < 0) reasons.push(`the solution has ${mostFiles - left.files} files`);
  if (left.bytes < 0) reasons.push(`the solution has ${mostSolutionBytes - left.bytes} bytes`);
  if (left.texts < 0) reasons.push(`the solution has ${mostTextBytesTogether - left.texts} bytes of text`);
  return { files, ...(reasons.length > 0 ? { unexamined: reasons.join(', ') } : {}) };
}

/** The first so many bytes of an artifact, and what went wrong in reading them, which the reader of a tar takes for a fault of the tar. */
function beginningOf(store: Store, digest: Digest, mostBytes: number) {
  let failure: unknown;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    let left = mostBytes;
    try {
      for await (const chunk of store.stream(digest, mebibyte)) {
        yield chunk.subarray(0, left);
        left -= chunk.length;
        if (left <= 0) return;
      }
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { bytes, failure: () => failure };
}

/** An artifact, or undefined where it is not there, or no more, or larger. */
async function readWhole(store: Store, digest: Digest, mostBytes: number): Promise<Buffer | undefined> {
  const size = await store.size(digest);
  if (size === undefined || size > mostBytes) return undefined;
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of store.stream(digest, mebibyte)) chunks.push(chunk);
  } catch (error) {
    if (error instanceof ArtifactMissing) return undefined;
    throw error;
  }
  return Buffer.concat(chunks);
}
