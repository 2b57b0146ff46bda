// What a candidate left, as a page shows it: files of its solution and the log, both bounded.

import type { Digest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type ArtifactDirectory, ArtifactMissing } from '../../shared/store/artifacts.ts';
import { readTree, TreeError, type TreeFile } from '../../shared/store/tree.ts';

/** Read into memory at once. Programs are kilobytes; a solution with weights in it is fetched by other means. */
const treeLimits = { totalBytes: 32 * 2 ** 20, entries: 2000 };
const mostFileBytes = 512 * 1024;
/** Of all files together, so that a page stays a page. */
const mostTextBytes = 2 * 2 ** 20;
const mostLogBytes = 1024 * 1024;

export interface ShownFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
  /** Absent where the file is binary or too large to show. */
  readonly text?: string;
}

/** The files of a solution; programs first. */
export async function solutionFiles(artifacts: ArtifactDirectory, solution: Digest | undefined): Promise<ShownFile[]> {
  if (solution === undefined) throw nothing('solution');
  let room = mostTextBytes;
  const files = await read(() => readTree(artifacts.stream(solution), treeLimits));
  return [...files].sort(programsFirst).map(({ path, bytes, executable }) => {
    const about = { path, sizeBytes: bytes.length, executable };
    const shown = bytes.length <= Math.min(mostFileBytes, room) && !bytes.subarray(0, 8192).includes(0);
    if (!shown) return about;
    room -= bytes.length;
    return { ...about, text: bytes.toString('utf8') };
  });
}

/** The log of the clean-slate run; its end where it is long. */
export async function logText(
  artifacts: ArtifactDirectory,
  log: Digest | undefined,
): Promise<{ readonly text: string; readonly sizeBytes: number }> {
  if (log === undefined) throw nothing('log');
  const bytes = await read(() => artifacts.get(log));
  return { text: bytes.subarray(-mostLogBytes).toString('utf8'), sizeBytes: bytes.length };
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
