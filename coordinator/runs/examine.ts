// Looks at a scored candidate before it may become a parent: brings its program, its log and its submission to the detectors of
// core/suspicion. Nothing of it is executed.
// Invariant: what cannot be read is no suspicion; a detector's own failure never costs an honest candidate its place.

import type { Digest } from '../../shared/core/ids.ts';
import type { Logger } from '../../shared/log.ts';
import { type ArtifactDirectory, ArtifactMissing } from '../../shared/store/artifacts.ts';
import { readTree, TreeError } from '../../shared/store/tree.ts';
import type { Attempt, Run, Score } from '../core/state.ts';
import type { Evidence, SolutionFile } from '../core/suspicion/evidence.ts';
import { describeSuspicions, suspicionsOf } from '../core/suspicion/suspicion.ts';

type Store = Pick<ArtifactDirectory, 'size' | 'stream'>;

const mebibyte = 2 ** 20;
const mostSolutionBytes = 16 * mebibyte;
/** A program of more text than this is not read by people either. */
const mostTextBytes = 2 * mebibyte;
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
  try {
    const suspicions = suspicionsOf(await evidenceOf(score, run, attempt, artifacts));
    if (suspicions.length === 0) return score;
    const quarantineReason = describeSuspicions(suspicions);
    log.warn({ attemptId: attempt.id, quarantineReason }, 'a candidate is held back until a person has looked at it');
    return { ...score, quarantined: true, quarantineReason };
  } catch (error) {
    if (!(error instanceof TreeError || error instanceof ArtifactMissing)) throw error;
    log.debug({ attemptId: attempt.id, error }, 'a solution could not be read by the detectors');
    return score;
  }
}

async function evidenceOf(score: Score, run: Run, attempt: Attempt, store: Store): Promise<Evidence> {
  const { artifacts } = attempt;
  const text = async (digest: Digest | undefined, most: number): Promise<string> =>
    digest === undefined ? '' : ((await readWhole(store, digest, most))?.toString('utf8') ?? '');
  const rows = (await text(artifacts.submission, mostSubmissionBytes)).split('\n', mostRows).slice(1);
  const cells = rows.map((row) => row.trim().split(',')).filter((row) => row.length > 1);
  return {
    files: await filesOf(artifacts.solution, store),
    log: await text(artifacts.log, mostLogBytes),
    ids: cells.map(([id = '']) => id),
    predictions: cells.map(([, prediction = '']) => prediction),
    metric: run.task.metric,
    lowerIsBetter: run.task.lowerIsBetter,
    score,
    peers: run.population.ranked.map(({ value }) => value),
  };
}

async function filesOf(digest: Digest | undefined, store: Store): Promise<SolutionFile[]> {
  const tar = digest === undefined ? undefined : await readWhole(store, digest, mostSolutionBytes);
  if (tar === undefined) return [];
  const files = await readTree(tar, { totalBytes: mostSolutionBytes, entries: 10_000 });
  return files.map(({ path, bytes }) => {
    const isText = bytes.length <= mostTextBytes && !bytes.includes(0);
    return { path, bytes: bytes.length, ...(isText ? { text: bytes.toString('utf8') } : {}) };
  });
}

/** An artifact, or undefined where it is not there or larger. */
async function readWhole(store: Store, digest: Digest, mostBytes: number): Promise<Buffer | undefined> {
  const size = await store.size(digest);
  if (size === undefined || size > mostBytes) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.stream(digest, mebibyte)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
