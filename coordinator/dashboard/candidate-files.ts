// What a candidate left, as a page shows it: files of its solution and the log, both bounded.
// Invariant: what a host stored may be as large as artifacts may be; no more of it is read than may be shown.

import { buffer } from 'node:stream/consumers';
import type { Digest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type ArtifactDirectory, ArtifactMissing } from '../../shared/store/artifacts.ts';
import { readTree, TreeError, type TreeFile } from '../../shared/store/tree.ts';

/** Read into memory at once. Programs are kilobytes; a solution with weights in it is fetched by other means. */
const treeLimits = { totalBytes: 32 * 2 ** 20, entries: 2000 };
/** With the headers of that many files. */
const mostTarBytes = treeLimits.totalBytes + treeLimits.entries * 2048;
const mostFileBytes = 512 * 1024;
/** Of all files together, so that a page stays a page. */
const mostTextBytes = 2 * 2 ** 20;
const mostLogBytes = 1024 * 1024;

type Store = Pick<ArtifactDirectory, 'size' | 'stream'>;

export interface ShownFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
  /** Absent where the file is binary or too large to show. */
  readonly text?: string;
}

/** The files of a solution; programs first. */
export async function solutionFiles(artifacts: Store, solution: Digest | undefined): Promise<ShownFile[]> {
  if (solution === undefined) throw nothing('solution');
  let room = mostTextBytes;
  const files = await read(() => readTar(artifacts, solution));
  return [...files].sort(programsFirst).map(({ path, bytes, executable }) => {
    const about = { path, sizeBytes: bytes.length, executable };
    const shown = bytes.length <= Math.min(mostFileBytes, room) && !bytes.subarray(0, 8192).includes(0);
    if (!shown) return about;
    room -= bytes.length;
    return { ...about, text: bytes.toString('utf8') };
  });
}

/** Looked at as a whole first: a tar may have much in it that is no file, and its reader takes that into memory. */
async function readTar(artifacts: Store, solution: Digest): Promise<TreeFile[]> {
  const sizeBytes = await artifacts.size(solution);
  if (sizeBytes === undefined) throw new ArtifactMissing(`artifact ${solution} is not in the store`);
  if (sizeBytes > mostTarBytes) throw new TreeError(`it is a tar of ${sizeBytes} bytes, more than ${mostTarBytes}`);
  return await readTree(artifacts.stream(solution), treeLimits);
}

/** The log of the clean-slate run; its end where it is long. */
export async function logText(
  artifacts: Store,
  log: Digest | undefined,
): Promise<{ readonly text: string; readonly sizeBytes: number; readonly cut: boolean }> {
  if (log === undefined) throw nothing('log');
  const sizeBytes = (await artifacts.size(log)) ?? 0;
  const end = await read(() => buffer(artifacts.stream(log, 65_536, Math.max(0, sizeBytes - mostLogBytes))));
  return { text: end.toString('utf8'), sizeBytes, cut: sizeBytes > mostLogBytes };
}

async function read<Value>(act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (error) {
    throw explained(error);
  }
}

function explained(error: unknown): unknown {
  if (error instanceof ArtifactMissing) return new RpcFault('notFound', error.message, { cause: error });
  if (!(error instanceof TreeError)) return error;
  return new RpcFault('failedPrecondition', `the solution cannot be shown: ${error.message}`, { cause: error });
}

function nothing(what: string): RpcFault {
  return new RpcFault('notFound', `this candidate left no ${what}`, { reason: 'noArtifact' });
}

function programsFirst(left: TreeFile, right: TreeFile): number {
  const rank = ({ path }: TreeFile): number => (path === 'main.py' ? 0 : path.endsWith('.py') ? 1 : 2);
  return rank(left) - rank(right) || (left.path < right.path ? -1 : 1);
}
